from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from artifacts.logits import Tolerance
from evaluate.accuracy_loss import accuracy_loss
from evaluate.answers import answers_from_logits
from evaluate.evidence import Evidence
from evaluate.gates import Gates, failures_of, loss_failures
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
        accuracy=accuracy_of(980),
    )
    assert failures_of(sound, Gates()) == ()
    spoilt = replace(sound, loss=accuracy_loss(parity_with(40, 0), allowed_points=0.5))
    (failure,) = failures_of(spoilt, Gates())
    assert failure.startswith("accuracy: the reduced precision loses 10.00 points")
