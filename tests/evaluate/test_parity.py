import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cosine
from scipy.stats import binomtest

from artifacts.logits import Logits, Tolerance
from artifacts.parity_records import ParityRecord
from evaluate.accuracy import accuracy_of
from evaluate.answers import answers_from_logits
from evaluate.gates import Gates, parity_failures
from evaluate.parity import Parity, parity_of
from evaluate.tolerances import CPU_FLOAT32

TOLERANCE = Tolerance(name="test", atol=0.125, rtol=0.0)  # exact in binary, as are the logits
NAN, INF = math.nan, math.inf


def parity(
    onnx: ArrayLike,
    reference: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    reference64: ArrayLike | None = None,
    tolerance: Tolerance = TOLERANCE,
) -> ParityRecord:
    reference_NK = np.array(reference, dtype=np.float32)
    labels_N = np.zeros(len(reference_NK), np.int64) if labels is None else np.array(labels)
    classes = tuple("abcdefgh"[: reference_NK.shape[1]])
    theirs = answers_from_logits(reference_NK, labels_N)
    accuracy = accuracy_of(theirs)
    sums = parity_of(
        answers_from_logits(np.array(onnx, dtype=np.float32), labels_N[: len(np.array(onnx))]),
        theirs,
        np.array(reference_NK if reference64 is None else reference64, dtype=np.float64),
        tolerance=tolerance,
    )
    return sums.record(
        tolerance=tolerance,
        source="recorded",
        reference=accuracy,
        reference_record=accuracy.record(classes),
    )


def failures(record: ParityRecord) -> list[str]:
    return parity_failures(record, Gates())


@pytest.fixture
def logits() -> Logits:
    return np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)


def test_parity_passes_when_the_logits_are_the_same(logits: Logits) -> None:
    record = parity(logits, logits)
    assert failures(record) == []
    assert (record.max_abs, record.max_rel, record.mean_abs, record.p99_abs) == (0, 0, 0, 0)
    assert record.min_cosine == pytest.approx(1, abs=1e-12)
    assert (record.within_tolerance, record.elements_outside, record.nonfinite) == (True, 0, 0)
    assert (record.flips, record.flipped, record.mcnemar_p) == (0, (), 1.0)
    assert (record.examples, record.tolerance, record.atol) == (50, "test", 0.125)


def test_figures_are_numpys_and_scipys(logits: Logits) -> None:
    noisy = logits + np.random.default_rng(1).normal(scale=0.01, size=logits.shape)
    record = parity(noisy, logits)
    wanted, found = logits.astype(np.float64), noisy.astype(np.float32).astype(np.float64)
    errors = np.abs(found - wanted).ravel()
    assert record.max_abs == errors.max()
    assert record.mean_abs == pytest.approx(np.mean(errors))
    exact = np.percentile(errors, 99, method="inverted_cdf")
    assert exact <= record.p99_abs <= exact * (1 + 1 / 256)
    assert record.worst_index == np.abs(found - wanted).max(axis=1).argmax()
    assert record.max_rel == pytest.approx((errors / np.abs(wanted).ravel()).max())
    cosines = [1 - cosine(a, b) for a, b in zip(found, wanted, strict=True)]
    assert record.min_cosine == pytest.approx(min(cosines))
    assert failures(record) == []


def test_one_changed_weight_is_found(logits: Logits) -> None:
    changed = logits.copy()
    changed[:, 3] += 0.2
    record = parity(changed, logits)
    assert (record.within_tolerance, record.elements_outside) == (False, 50)
    assert any("50 logits differ" in failure for failure in failures(record))


@pytest.mark.parametrize("sign", [-1, 1])
def test_difference_is_within_tolerance_up_to_the_limit_and_not_above(sign: int) -> None:
    reference = [[4.0, 0.0], [8.0, 0.0]]
    at_limit = 0.125
    above = float(np.nextafter(np.float32(at_limit), np.float32(1)))
    record = parity([[4.0, sign * at_limit], [8.0, 0.0]], reference)
    assert (record.within_tolerance, failures(record)) == (True, [])
    record = parity([[4.0, sign * above], [8.0, 0.0]], reference)
    assert (record.within_tolerance, record.elements_outside) == (False, 1)
    assert len(failures(record)) == 1


def test_relative_tolerance_is_of_the_reference() -> None:
    half = Tolerance(name="half", atol=0.0, rtol=0.5)
    assert parity([[4.0, 1.0]], [[8.0, 2.0]], tolerance=half).within_tolerance
    assert not parity([[8.0, 2.0]], [[4.0, 1.0]], tolerance=half).within_tolerance


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("side", ["onnx", "reference", "both"])
def test_nonfinite_logit_fails_and_leaves_no_figure(
    logits: Logits, value: float, side: str
) -> None:
    onnx, reference = logits.copy(), logits.copy()
    if side in ("onnx", "both"):
        onnx[7, 2] = value
    if side in ("reference", "both"):
        reference[7, 2] = value
    record = parity(onnx, reference, tolerance=CPU_FLOAT32)
    assert record.nonfinite == (2 if side == "both" else 1)
    assert failures(record) == [f"parity: {record.nonfinite} logits are not finite numbers"]
    assert not record.within_tolerance
    figures = ("max_abs", "max_rel", "mean_abs", "p99_abs", "min_cosine", "elements_outside")
    assert [getattr(record, figure) for figure in (*figures, "float64")] == [None] * 7
    assert "NaN" not in record.to_json()
    assert "Infinity" not in record.to_json()
    json.loads(record.to_json(), parse_constant=pytest.fail)


def test_flip_by_a_logit_that_is_no_number_is_unexplained_and_has_no_margin() -> None:
    record = parity([[0.0, 1.0]], [[NAN, 1.0]])
    assert (record.flips, record.unexplained_flips) == (1, 1)
    assert record.flipped[0].margin is None


@pytest.mark.parametrize(
    ("onnx", "reference"), [([0, 1, 9], [INF, 1, 9]), ([0, 5, 0], [5, 0, -INF])]
)
def test_flip_by_an_infinite_logit_is_unexplained(
    onnx: list[float], reference: list[float]
) -> None:
    assert parity([onnx], [reference], tolerance=CPU_FLOAT32).unexplained_flips == 1


@pytest.mark.parametrize(
    ("onnx", "reference"),
    [
        ([0, 1, 0], [INF, INF, 0]),
        ([INF, 1, INF], [0, INF, INF]),
        ([0, 1, 0], [INF, 1, 0]),
    ],
)
def test_flip_between_infinite_logits_is_told_without_a_warning(
    onnx: list[float], reference: list[float]
) -> None:
    assert parity([onnx], [reference]).flips == 1


def test_flip_within_the_tolerance_is_explained() -> None:
    record = parity([[1.0, 1.125]], [[1.0625, 1.0]], labels=[1])
    assert (record.flips, record.explained_flips, record.unexplained_flips) == (1, 1, 0)
    (flip,) = record.flipped
    assert (flip.index, flip.label, flip.reference, flip.onnx) == (0, 1, 0, 1)
    assert flip.margin == 0.0625
    assert failures(record) == []


def test_flip_with_a_large_margin_is_unexplained_and_fails() -> None:
    record = parity([[4.0, 0.0], [0.0, 4.0]], [[4.0, 0.0], [4.0, 0.0]])
    assert (record.flips, record.explained_flips, record.unexplained_flips) == (1, 0, 1)
    assert (record.flipped[0].index, record.flipped[0].margin) == (1, 4.0)
    assert "parity: 1 unexplained flips" in failures(record)


def test_flip_is_explained_up_to_twice_the_allowed_difference() -> None:
    explained = parity([[0.875, 0.875 + 2**-10]], [[1.0, 0.75]])
    assert (explained.explained_flips, explained.flipped[0].margin) == (1, 0.25)
    unexplained = parity([[0.875, 0.875 + 2**-10]], [[1.0, 0.75 - 2**-10]])
    assert unexplained.unexplained_flips == 1


def test_every_flip_is_listed_in_order(logits: Logits) -> None:
    record = parity(logits[::-1], logits)
    classes, others = logits.argmax(axis=1), logits[::-1].argmax(axis=1)
    assert [flip.index for flip in record.flipped] == np.flatnonzero(classes != others).tolist()
    assert [flip.onnx for flip in record.flipped] == others[classes != others].tolist()
    assert record.flips == len(record.flipped) == record.explained_flips + record.unexplained_flips


@st.composite
def pairs_within_tolerance(draw: st.DrawFn) -> tuple[Logits, Logits, Tolerance]:
    """Logits that lie close together, and others that differ by at most a tolerance."""
    tolerance = Tolerance(name="drawn", atol=draw(st.floats(1e-6, 1)), rtol=draw(st.floats(0, 0.1)))
    shape = draw(st.tuples(st.integers(1, 6), st.integers(2, 5)))
    reference = draw(arrays(np.float32, shape, elements=st.floats(-2, 2, width=32)))
    shifts = draw(arrays(np.float64, shape, elements=st.floats(-1, 1)))
    onnx = (reference + shifts * tolerance.allowed(reference)).astype(np.float32)
    difference = np.abs(onnx.astype(np.float64) - reference)
    assume((difference <= tolerance.allowed(reference)).all())  # rounding may pass it
    return onnx, reference, tolerance


@given(pairs_within_tolerance())
def test_every_flip_is_explained_when_all_logits_are_within_tolerance(
    drawn: tuple[Logits, Logits, Tolerance],
) -> None:
    onnx, reference, tolerance = drawn
    record = parity(onnx, reference, tolerance=tolerance)
    assert record.within_tolerance
    assert record.flips == (onnx.argmax(axis=1) != reference.argmax(axis=1)).sum()
    assert record.unexplained_flips == 0


ANY_FLOAT32 = arrays(np.float32, (3, 3), elements=st.floats(width=32))


@given(ANY_FLOAT32, ANY_FLOAT32)  # the warnings have their own test above
def test_record_of_any_logits_is_json_and_passes_only_within_tolerance(
    onnx: NDArray[np.float32], reference: NDArray[np.float32]
) -> None:
    record = parity(onnx, reference)
    assert ParityRecord.model_validate_json(record.to_json()) == record
    if failures(record) == []:
        assert np.allclose(onnx.astype(np.float64), reference, atol=0.125, rtol=0)


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_constant_output_is_found(value: float) -> None:
    constant = np.full((5, 3), value)
    record = parity(constant, constant)
    assert record.constant_output
    assert len(failures(record)) == 1
    constant[4, 2] += 0.125  # no more than the tolerance: it could not tell
    assert parity(constant, constant).constant_output
    constant[4, 2] += 0.01
    assert not parity(constant, constant).constant_output


def test_single_example_is_not_called_constant() -> None:
    assert not parity([[1.0, 2.0]], [[1.0, 2.0]]).constant_output


def test_float64_says_which_side_is_further_from_the_truth() -> None:
    record = parity([[1.0, 2.25]], [[1.5, 2.0]], reference64=[[1.0, 2.0]])
    assert record.float64 is not None
    assert record.float64.pytorch_max_abs == 0.5
    assert record.float64.onnx_max_abs == 0.25


def test_mcnemar_is_of_the_examples_that_only_one_side_got_right() -> None:
    first, second = [1.0, 0.0], [0.0, 1.0]
    reference = [first] * 8 + [second] * 2  # labels are 0: PyTorch has the first eight right
    onnx = [second] * 6 + [first] * 2 + [second, first]
    record = parity(onnx, reference)
    assert record.mcnemar_p == pytest.approx(binomtest(1, 7).pvalue)


@pytest.mark.parametrize("shape", [(50, 7), (49, 8), (1, 8)])
def test_logits_of_different_shapes_are_refused(logits: Logits, shape: tuple[int, int]) -> None:
    for onnx, reference64 in ((logits[: shape[0], : shape[1]], None), (logits, np.zeros(shape))):
        with pytest.raises(ValueError, match=r"logits \(.*\), reference"):
            parity(onnx, logits, reference64=reference64)


@given(
    arrays(np.float32, (40, 3), elements=st.floats(-20, 20, width=32)),
    arrays(np.float32, (40, 3), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([1e-6, 1e-3, 1.0]),
    st.integers(1, 39),
)
def test_parity_of_all_is_the_sum_of_the_parities_of_parts(
    reference: NDArray[np.float32], shifts: NDArray[np.float32], scale: float, cut: int
) -> None:
    onnx = reference + np.float32(scale) * shifts
    truth = reference.astype(np.float64) + 1e-7
    labels_N = np.arange(40) % 3

    def part(first: int, end: int) -> Parity:
        ours, theirs = (
            answers_from_logits(side[first:end], labels_N[first:end]) for side in (onnx, reference)
        )
        return parity_of(ours, theirs, truth[first:end], tolerance=CPU_FLOAT32, first_index=first)

    whole, added = part(0, 40), part(0, cut) + part(cut, 40)
    assert np.array_equal(whole.histogram, added.histogram)
    assert whole.flips.records() == added.flips.records()
    for field in ("examples", "outside", "only_reference", "only_onnx", "nonfinite", "float64"):
        assert getattr(whole, field) == getattr(added, field), field
    for field in ("max_abs", "max_rel", "sum_abs", "min_cosine"):
        assert getattr(whole, field) == pytest.approx(getattr(added, field), rel=1e-6), field


@given(
    arrays(np.float32, (30, 4), elements=st.floats(-100, 100, width=32)),
    arrays(np.float32, (30, 4), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([1e-7, 1e-5, 1e-3, 0.1]),
)
def test_figures_are_those_of_float64_whichever_way_they_are_computed(
    reference: NDArray[np.float32], shifts: NDArray[np.float32], scale: float
) -> None:
    onnx = reference + np.float32(scale) * shifts
    record = parity(onnx, reference, tolerance=CPU_FLOAT32)
    ours, theirs = onnx.astype(np.float64), reference.astype(np.float64)
    difference = np.abs(ours - theirs)
    assert record.max_abs == pytest.approx(difference.max(), rel=1e-6)
    assert record.mean_abs == pytest.approx(difference.mean(), rel=1e-6)
    outside = (difference > CPU_FLOAT32.allowed(theirs)).sum()
    assert record.elements_outside == outside
    assert record.flips == (ours.argmax(axis=1) != theirs.argmax(axis=1)).sum()


def test_worst_example_is_named_by_its_index_in_the_split() -> None:
    reference = np.zeros((6, 2), dtype=np.float32)
    onnx = reference.copy()
    onnx[4, 1] = 0.03
    labels_N = np.zeros(3, np.int64)
    parts = [
        parity_of(
            answers_from_logits(onnx[first : first + 3], labels_N),
            answers_from_logits(reference[first : first + 3], labels_N),
            None,
            tolerance=TOLERANCE,
            first_index=first,
        )
        for first in (0, 3)
    ]
    assert (parts[0] + parts[1]).worst_index == 4
    onnx[5, 0] = np.nan
    with_nan = parity_of(
        answers_from_logits(onnx[3:], labels_N),
        answers_from_logits(reference[3:], labels_N),
        None,
        tolerance=TOLERANCE,
        first_index=3,
    )
    assert with_nan.worst_index == 5
    assert (parts[0] + with_nan).worst_index == 5


def test_flips_are_all_counted_and_the_first_ten_thousand_listed() -> None:
    reference = np.tile(np.array([[1, 0]], np.float32), (12_000, 1))
    record = parity(reference[:, ::-1], reference)
    assert (record.flips, len(record.flipped)) == (12_000, 10_000)
    assert record.flipped[-1].index == 9_999


@given(arrays(np.float32, (20, 4), elements=st.sampled_from([0, 1, 2, NAN, INF, -INF])))
def test_predicted_class_is_numpys_argmax_also_of_ties_and_nan(logits: Logits) -> None:
    answers = answers_from_logits(logits, np.arange(20) % 4)
    assert np.array_equal(answers.predicted_N, logits.argmax(axis=1))
