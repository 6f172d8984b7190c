import functools
import operator

import numpy as np
import pytest
from scipy.special import softmax

from artifacts.evaluation_records import ShownExample
from evaluate.answers import answers_from_logits
from evaluate.shown import MOST_SHOWN, Shown, shown_of


def random_sides(examples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    reference_NK = random.normal(size=(examples, 5)).astype(np.float32)
    onnx_NK = reference_NK + random.normal(scale=0.2, size=(examples, 5)).astype(np.float32)
    return onnx_NK, reference_NK, random.integers(0, 5, size=examples)


def shown(
    onnx_NK: np.ndarray, reference_NK: np.ndarray | None, labels_N: np.ndarray, start: int = 0
) -> Shown:
    reference = None
    if reference_NK is not None:
        reference = answers_from_logits(reference_NK, labels_N)
    return shown_of(answers_from_logits(onnx_NK, labels_N), reference, first_index=start)


def test_wrong_examples_are_those_that_onnx_is_surest_of() -> None:
    onnx_NK, reference_NK, labels_N = random_sides(500)
    record = shown(onnx_NK, reference_NK, labels_N).record(labelled=True, softmaxed=False)
    lead_N = np.diff(np.sort(onnx_NK.astype(np.float64), axis=1)[:, -2:])[:, 0]
    wrong = np.flatnonzero(onnx_NK.argmax(axis=1) != labels_N)
    surest = wrong[np.argsort(-lead_N[wrong], kind="stable")][:MOST_SHOWN]
    assert [example.index for example in record.wrong] == surest.tolist()
    assert len(surest) == MOST_SHOWN < len(wrong)


def test_flipped_examples_are_the_first_of_the_split() -> None:
    onnx_NK, reference_NK, labels_N = random_sides(500)
    record = shown(onnx_NK, reference_NK, labels_N).record(labelled=True, softmaxed=False)
    flipped = np.flatnonzero(onnx_NK.argmax(axis=1) != reference_NK.argmax(axis=1))
    assert [example.index for example in record.flipped] == flipped[:MOST_SHOWN].tolist()


@pytest.mark.parametrize("size", [1, 7, 100, 499])
def test_slices_add_up_to_the_whole(size: int) -> None:
    onnx_NK, reference_NK, labels_N = random_sides(500)
    onnx_NK[::9] = onnx_NK[0]  # ties, which the order of the split decides
    reference_NK[::9], labels_N[::9] = reference_NK[0], 4
    whole = shown(onnx_NK, reference_NK, labels_N)
    parts = [
        shown(onnx_NK[i : i + size], reference_NK[i : i + size], labels_N[i : i + size], start=i)
        for i in range(0, 500, size)
    ]
    added = functools.reduce(operator.add, parts)
    records = [s.record(labelled=True, softmaxed=False) for s in (added, whole)]
    assert records[0] == records[1]


def test_wrong_examples_whose_logits_are_not_finite_come_first() -> None:
    onnx_NK, _, labels_N = random_sides(40)
    onnx_NK[7], onnx_NK[11, :2], onnx_NK[13, 0] = -np.inf, np.inf, np.nan  # inf - inf warns
    labels_N[[7, 11, 13]] = 3
    found = shown(onnx_NK, None, labels_N).record(labelled=True, softmaxed=False).wrong
    assert [example.index for example in found[:3]] == [7, 11, 13]


def only(example: tuple[ShownExample, ...]) -> ShownExample:
    (found,) = example
    return found


def test_probabilities_are_the_softmax_of_each_side() -> None:
    onnx_NK = np.array([[1.0, 3.0, 2.0, -5.0]], np.float32)
    reference_NK = np.array([[3.5, 3.0, -2.0, -5.0]], np.float32)
    record = shown(onnx_NK, reference_NK, np.array([3])).record(labelled=True, softmaxed=False)
    example = only(record.wrong)
    assert example == only(record.flipped)
    assert example.classes == (3, 1, 2, 0)  # label, then ONNX's two, then what PyTorch adds
    order = list(example.classes)
    assert example.onnx == pytest.approx(softmax(onnx_NK.astype(np.float64))[0, order])
    assert example.reference == pytest.approx(softmax(reference_NK.astype(np.float64))[0, order])


def test_given_probabilities_are_told_as_they_are() -> None:
    onnx_NK = np.array([[0.2, 0.7, 0.1]], np.float32)
    record = shown(onnx_NK, None, np.array([0])).record(labelled=True, softmaxed=True)
    example = only(record.wrong)
    assert example.classes == (0, 1)
    assert example.onnx == pytest.approx((0.2, 0.7))
    assert example.reference is None
    assert record.flipped == ()


def test_values_that_are_not_finite_are_told_as_missing_and_come_first() -> None:
    onnx_NK = np.array([[9.0, 0.0], [np.nan, 1.0]], np.float32)
    record = shown(onnx_NK, None, np.array([1, 1])).record(labelled=True, softmaxed=False)
    assert [example.index for example in record.wrong] == [1, 0]
    assert record.wrong[0].onnx == (None, None)


def test_without_labels_nothing_is_wrong() -> None:
    onnx_NK, reference_NK, _ = random_sides(200)
    stand_in = reference_NK.argmax(axis=1)
    record = shown(onnx_NK, reference_NK, stand_in).record(labelled=False, softmaxed=False)
    assert record.wrong == ()
    assert {example.label for example in record.flipped} == {None}


def test_nothing_is_shown_where_all_agree_and_are_right() -> None:
    onnx_NK, _, _ = random_sides(50)
    found = shown(onnx_NK, onnx_NK, onnx_NK.argmax(axis=1))
    record = found.record(labelled=True, softmaxed=False)
    assert record.wrong == record.flipped == ()
