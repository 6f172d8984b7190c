from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from artifacts.logits import Tolerance
from evaluate.accuracy import accuracy_of as accuracy_sums
from evaluate.accuracy_loss import accuracy_loss, loss_failures
from evaluate.answers import answers_from_logits
from evaluate.evidence import Evidence
from evaluate.gates import Gates, failures_of, parity_failures
from evaluate.parity import Parity, parity_of
from tests.evaluate.records import CUDA, PARITY, PROOF, accuracy_of

EXAMPLES = 400


def parity_with(only_reference: int, only_onnx: int) -> Parity:
    """Two sides that are both right but on so many examples."""
    labels = np.zeros(EXAMPLES, np.int64)

    def answers(wrong: range) -> np.ndarray:
        logits = np.tile(np.array([1.0, 0.0], np.float32), (EXAMPLES, 1))
        logits[wrong] = logits[wrong, ::-1]
        return logits

    onnx = answers(range(only_reference))
    reference = answers(range(only_reference, only_reference + only_onnx))
    return parity_of(
        answers_from_logits(onnx, labels),
        answers_from_logits(reference, labels),
        None,
        tolerance=Tolerance(name="wide", atol=5, rtol=0),
    )


@pytest.mark.parametrize(
    ("only_reference", "only_onnx", "more_than_chance"),
    [(0, 0, False), (5, 0, False), (6, 0, True), (20, 8, True), (20, 12, False), (0, 30, False)],
)
def test_loss_is_more_than_chance_where_mcnemar_s_exact_test_says_so(
    only_reference: int, only_onnx: int, more_than_chance: bool
) -> None:
    loss = accuracy_loss(parity_with(only_reference, only_onnx), allowed_points=0.5)
    assert loss.points == pytest.approx(100 * (only_reference - only_onnx) / EXAMPLES)
    assert (loss.only_reference, loss.only_onnx) == (only_reference, only_onnx)
    if only_reference + only_onnx:
        by_scipy = binomtest(only_reference, only_reference + only_onnx).pvalue
        assert loss.mcnemar_p == pytest.approx(by_scipy)
    assert loss.more_than_chance is more_than_chance


@pytest.mark.parametrize(
    ("only_reference", "allowed", "fails"),
    [(6, 0.5, True), (6, 1.5, False), (4, 0.5, False), (400, 0.5, True)],
    ids=["more than both", "allowed", "chance", "all"],
)
def test_loss_fails_where_it_is_more_than_allowed_and_more_than_chance(
    only_reference: int, allowed: float, fails: bool
) -> None:
    loss = accuracy_loss(parity_with(only_reference, 0), allowed_points=allowed)
    failures = loss_failures(loss)
    assert bool(failures) is fails
    if fails:
        assert "more than chance (McNemar's p = " in failures[0]


def test_loss_is_one_of_the_gates() -> None:
    sound = Evidence(
        provider=PROOF,
        full_name=CUDA,
        labelled=True,
        parity=PARITY,
        loss=None,
        independence=None,
        fixed_batch=None,
        accuracy=accuracy_of(980),
    )
    assert failures_of(sound, Gates()) == ()
    spoilt = replace(sound, loss=accuracy_loss(parity_with(40, 0), allowed_points=0.5))
    (failure,) = failures_of(spoilt, Gates())
    assert failure.startswith("accuracy: the reduced precision loses 10.00 points")


@pytest.mark.parametrize(("flips", "fails"), [(4, False), (5, True)])
def test_share_of_the_logits_may_be_far_off_and_so_may_as_many_classes(
    flips: int, fails: bool
) -> None:
    """A hundredth of 800 logits, and of 400 examples; each flip moves two logits."""
    labels = np.zeros(EXAMPLES, np.int64)
    reference = np.tile(np.array([9.0, 0.0], np.float32), (EXAMPLES, 1))
    onnx = reference.copy()
    onnx[:flips] = onnx[:flips, ::-1]
    tolerance = Tolerance(name="int8", atol=1.0, rtol=0.1, outside_share=0.01)
    answers = answers_from_logits(reference, labels)
    parity = parity_of(answers_from_logits(onnx, labels), answers, None, tolerance=tolerance)
    sums = accuracy_sums(answers)
    record = parity.record(
        tolerance=tolerance,
        source="recorded",
        reference=sums,
        reference_record=sums.record(("a", "b")),
    )
    assert record.unexplained_flips == flips
    assert record.elements_outside == 2 * flips
    assert record.within_tolerance is not fails
    told = parity_failures(record, Gates())
    told = [line for line in told if "same logits" not in line]  # the reference here is constant
    assert bool(told) is fails
    if fails:
        assert "but 1%" in told[0]
        assert told[1] == "parity: 5 unexplained flips"
