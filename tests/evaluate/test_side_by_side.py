"""Whose answers are right, from what is recorded of an evaluation; pairs against scipy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from artifacts.evaluation_records import Evaluation
from artifacts.logits import ReferenceLogits
from artifacts.parity_records import Flip
from errors import ArtifactError
from evaluate.side_by_side import pairs_of, right_answers
from tests.evaluate.records import EVALUATION, PARITY, accuracy_of

EXAMPLES, CLASSES = 1000, 4


def reference_of(logits_NK: np.ndarray) -> ReferenceLogits:
    return ReferenceLogits(
        float32_NK=logits_NK.astype(np.float32),
        float64_NK=logits_NK.astype(np.float64),
        dataset_sha256="",
        split_sha256="",
        checkpoint_sha256="",
    )


def evaluation_of(onnx_NK: np.ndarray, torch_NK: np.ndarray, labels_N: np.ndarray) -> Evaluation:
    """What an evaluation records of two sides' answers."""
    ours, theirs = onnx_NK.argmax(axis=1), torch_NK.argmax(axis=1)
    flipped = tuple(
        Flip(
            index=int(index),
            label=int(labels_N[index]),
            reference=int(theirs[index]),
            onnx=int(ours[index]),
            margin=0.1,
        )
        for index in np.flatnonzero(ours != theirs)
    )
    parity = PARITY.model_copy(update={"flips": len(flipped), "flipped": flipped})
    correct = int((ours == labels_N).sum())
    return EVALUATION.model_copy(update={"accuracy": accuracy_of(correct), "parity": parity})


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_right_answers_are_those_of_onnx_runtime(noise: float) -> None:
    random = np.random.default_rng(0)
    labels_N = random.integers(0, CLASSES, EXAMPLES)
    torch_NK = random.normal(size=(EXAMPLES, CLASSES)) + 2 * np.eye(CLASSES)[labels_N]
    onnx_NK = torch_NK + noise * random.normal(size=torch_NK.shape)
    evaluation = evaluation_of(onnx_NK, torch_NK, labels_N)
    assert evaluation.parity is not None
    assert (evaluation.parity.flips > 20) is (noise > 0)
    right_N = right_answers(evaluation, reference_of(torch_NK), labels_N)
    assert (right_N == (onnx_NK.argmax(axis=1) == labels_N)).all()


def test_other_reference_or_labels_than_the_evaluations_are_refused() -> None:
    random = np.random.default_rng(0)
    labels_N = random.integers(0, CLASSES, EXAMPLES)
    logits_NK = random.normal(size=(EXAMPLES, CLASSES)) + 2 * np.eye(CLASSES)[labels_N]
    evaluation = evaluation_of(logits_NK, logits_NK, labels_N)
    reference = reference_of(logits_NK)
    right_answers(evaluation, reference, labels_N)
    other = replace(reference, float32_NK=reference.float32_NK[::-1])
    with pytest.raises(ArtifactError, match="right answers, its evaluation"):
        right_answers(evaluation, other, labels_N)
    with pytest.raises(ArtifactError, match="right answers, its evaluation"):
        right_answers(evaluation, reference, labels_N[::-1])
    without = evaluation.model_copy(update={"accuracy": None})
    with pytest.raises(ArtifactError, match="its evaluation none"):
        right_answers(without, reference, labels_N)


def test_pairs_count_what_only_one_got_right_and_test_it_as_scipy_does() -> None:
    random = np.random.default_rng(1)
    shares = {"a": 0.9, "b": 0.93, "c": 0.97}
    right = {name: random.random(EXAMPLES) < share for name, share in shares.items()}
    pairs = pairs_of(right)
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in pairs:
        both = list(zip(right[pair.first], right[pair.second], strict=True))
        assert pair.only_first == both.count((True, False))
        assert pair.only_second == both.count((False, True))
        of_scipy = binomtest(pair.only_first, pair.only_first + pair.only_second).pvalue
        assert pair.mcnemar_p == pytest.approx(of_scipy, rel=1e-9)
        assert pair.mcnemar_p <= pair.holm_p <= min(1, 3 * pair.mcnemar_p)


def test_equal_networks_are_never_told_apart() -> None:
    right_N = np.arange(EXAMPLES) % 10 > 0
    (pair,) = pairs_of({"a": right_N, "b": right_N.copy()})
    assert (pair.only_first, pair.only_second, pair.mcnemar_p, pair.holm_p) == (0, 0, 1, 1)
    assert not pair.is_more_than_chance
    assert pairs_of({"a": right_N}) == ()
