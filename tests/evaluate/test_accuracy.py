import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import accuracy_score, confusion_matrix

from artifacts.calibration import CALIBRATION_BINS
from artifacts.logits import Logits
from artifacts.statistics import wilson_interval
from errors import DatasetError
from evaluate.accuracy import Accuracy, accuracy_of
from evaluate.answers import answers_from_logits

CLASSES = ("a", "b", "c", "d")
EXAMPLES = st.integers(1, 40).flatmap(
    lambda examples: st.tuples(
        arrays(np.float32, (examples, 4), elements=st.floats(-9, 9, width=32)),
        arrays(np.int64, examples, elements=st.integers(0, 3)),
    )
)


def accuracy_from_logits(logits_NK: Logits, labels_N: NDArray[np.int64]) -> Accuracy:
    return accuracy_of(answers_from_logits(logits_NK, labels_N))


@given(EXAMPLES)
def test_accuracy_is_scikit_learns(examples: tuple[Logits, NDArray[np.int64]]) -> None:
    logits_NK, labels_N = examples
    accuracy = accuracy_from_logits(logits_NK, labels_N)
    predicted = logits_NK.argmax(axis=1)
    assert np.array_equal(
        accuracy.confusion, confusion_matrix(labels_N, predicted, labels=range(4))
    )
    assert accuracy.correct == accuracy_score(labels_N, predicted, normalize=False)
    assert accuracy.top1 == accuracy.correct / len(labels_N)
    assert accuracy.examples == len(labels_N)


def test_record_counts_by_class_name() -> None:
    logits_NK = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 2, 2]]
    record = accuracy_from_logits(logits_NK, np.array([0, 1, 1, 2, 2, 0])).record(CLASSES)
    counts = [(each.label, each.correct, each.examples) for each in record.per_class]
    assert counts == [("a", 1, 2), ("b", 1, 2), ("c", 2, 2), ("d", 0, 0)]
    assert record.confusion == ((1, 0, 1, 0), (1, 1, 0, 0), (0, 0, 2, 0), (0, 0, 0, 0))
    assert (record.correct, record.examples, record.top1) == (4, 6, 4 / 6)
    assert record.ci95 == wilson_interval(4, 6)


@pytest.mark.parametrize("label", [-1, 4, 255])
def test_label_that_is_no_class_is_refused_by_value_and_index(label: int) -> None:
    labels_N = np.array([0, 3, label, label])
    with pytest.raises(DatasetError, match=f"label {label} at index 2, wanted 0 to 3"):
        accuracy_from_logits(np.zeros((4, 4), dtype=np.float32), labels_N)


def test_one_example_more_or_less_changes_the_count() -> None:
    logits_NK = np.eye(4, dtype=np.float32)
    assert accuracy_from_logits(logits_NK, np.array([0, 1, 2, 3])).correct == 4
    assert accuracy_from_logits(logits_NK, np.array([0, 1, 2, 0])).correct == 3


@given(EXAMPLES)
def test_calibration_error_is_that_of_the_definition(
    examples: tuple[Logits, NDArray[np.int64]],
) -> None:
    logits_NK, labels_N = examples
    probabilities_NK = softmax(logits_NK.astype(np.float64), axis=1)
    confidence_N = probabilities_NK.max(axis=1)
    is_correct_N = logits_NK.argmax(axis=1) == labels_N
    expected = 0.0
    for number in range(CALIBRATION_BINS):
        low, high = number / CALIBRATION_BINS, (number + 1) / CALIBRATION_BINS
        own = (confidence_N > low) & (confidence_N <= high)
        if own.any():
            gap = abs(is_correct_N[own].mean() - confidence_N[own].mean())
            expected += gap * own.sum() / len(labels_N)
    at_a_bound = np.abs(confidence_N * CALIBRATION_BINS % 1 - 0.5) > 0.4999999
    assume(not at_a_bound.any())
    accuracy = accuracy_from_logits(logits_NK, labels_N)
    assert accuracy.calibration_error == pytest.approx(expected, abs=1e-12)


def test_calibration_error_of_sure_answers_is_the_share_of_wrong_ones() -> None:
    logits_NK = 1000 * np.eye(4, dtype=np.float32)
    record = accuracy_from_logits(logits_NK, np.array([0, 1, 2, 0])).record(CLASSES)
    assert record.expected_calibration_error == 0.25
    assert accuracy_from_logits(logits_NK, np.arange(4)).calibration_error == 0
    zero = np.zeros((1, 4), dtype=np.float32)
    assert accuracy_from_logits(zero, np.zeros(1, np.int64)).calibration_error == 0.75
    logits_NK[0, 0] = np.nan
    assert accuracy_from_logits(logits_NK, np.arange(4)).calibration_error is None


def test_calibration_error_of_given_probabilities_takes_them_as_they_are() -> None:
    probabilities_NK = np.array([[0.7, 0.3], [0.4, 0.6]], dtype=np.float32)
    answers = answers_from_logits(probabilities_NK, np.array([0, 1]))
    assert accuracy_of(answers, probabilities=True).calibration_error == pytest.approx(0.35)
    assert accuracy_of(answers).calibration_error != pytest.approx(0.35)


@given(EXAMPLES, st.integers(0, 40))
def test_accuracy_of_all_is_the_sum_of_the_accuracies_of_parts(
    examples: tuple[Logits, NDArray[np.int64]], cut: int
) -> None:
    logits_NK, labels_N = examples
    cut = cut % len(labels_N)
    assume(cut)
    whole = accuracy_from_logits(logits_NK, labels_N)
    parts = [
        accuracy_from_logits(logits_NK[part], labels_N[part])
        for part in (slice(0, cut), slice(cut, None))
    ]
    added = parts[0] + parts[1]
    assert np.array_equal(added.confusion, whole.confusion)
    assert np.array_equal(added.correct_B, whole.correct_B)
    assert added.calibration_error == pytest.approx(whole.calibration_error)
    assert np.array_equal(added.low_K, whole.low_K)
    assert np.array_equal(added.high_K, whole.high_K)


def test_same_logits_for_every_image_are_told_up_to_rounding() -> None:
    logits_NK = np.tile(np.array([1, 2, 3, 4], np.float32), (9, 1))
    labels_N = np.zeros(9, np.int64)
    assert accuracy_from_logits(logits_NK, labels_N).record(CLASSES).constant_output
    logits_NK[3, 1] = np.nextafter(np.float32(2), np.float32(3))
    assert accuracy_from_logits(logits_NK, labels_N).is_constant
    logits_NK[3, 1] = 2.001
    assert not accuracy_from_logits(logits_NK, labels_N).is_constant
    assert not accuracy_from_logits(logits_NK[:1], labels_N[:1]).is_constant
