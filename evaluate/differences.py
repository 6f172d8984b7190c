"""How far two sides' logits over a slice are apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Tolerance
from evaluate.answers import Answers
from evaluate.size_histogram import counts_by_size

# A cosine or a relative difference of values this small says nothing.
_TINY = float(np.finfo(np.float32).tiny)
_SMALL_DIFFERENCE, _LARGE_LOGIT = 2.0**-6, 2.0**40


def differences(onnx: Answers, reference: Answers, tolerance: Tolerance) -> dict[str, Any]:
    """Return the sums of finite logits, by their names in evaluate.parity.Parity."""
    ours_NK, theirs_NK = onnx.logits_NK, reference.logits_NK
    ours_KN, theirs_KN = onnx.logits_KN, reference.logits_KN
    with np.errstate(over="ignore"):  # very large numbers are not plain
        difference, sizes = np.abs(ours_NK - theirs_NK), np.abs(theirs_NK)
    worst, outside = int(difference.argmax()), 0
    if not _is_plain(float(difference.flat[worst]), reference, tolerance):
        ours_NK, theirs_NK = ours_NK.astype(np.float64), theirs_NK.astype(np.float64)
        ours_KN, theirs_KN = ours_KN.astype(np.float64), theirs_KN.astype(np.float64)
        difference, sizes = np.abs(ours_NK - theirs_NK), np.abs(theirs_NK)
        worst = int(difference.argmax())
        outside = int(np.count_nonzero(difference > tolerance.atol + tolerance.rtol * sizes))
    classes = difference.shape[1]
    return {
        "max_abs": abs(float(ours_NK.flat[worst]) - float(theirs_NK.flat[worst])),
        "worst_index": worst // classes,
        "max_rel": float((difference / np.maximum(sizes, _TINY)).max()),
        "sum_abs": float(difference.sum(dtype=np.float64)),
        "histogram": counts_by_size(difference),
        "min_cosine": _min_cosine(ours_KN, theirs_KN),
        "outside": outside,
    }


def _is_plain(largest_difference: float, reference: Answers, tolerance: Tolerance) -> bool:
    """Return whether float32 says the same of these differences as float64 would.

    A difference of two float32 is off by 2^-24 of itself at most, which matters only where it is as
    large as the tolerance allows. Squares and quotients of very large numbers leave float32.
    """
    largest_logit = max(float(reference.high_K.max()), -float(reference.low_K.min()))
    is_small = largest_difference < min(_SMALL_DIFFERENCE, 0.999 * tolerance.atol)
    return is_small and largest_logit < _LARGE_LOGIT


def _min_cosine(ours_KN: NDArray[Any], theirs_KN: NDArray[Any]) -> float:
    """Return the smallest cosine between an example's logits on the two sides."""
    norms_N = (ours_KN * ours_KN).sum(axis=0) * (theirs_KN * theirs_KN).sum(axis=0)
    products_N = (ours_KN * theirs_KN).sum(axis=0)
    least = int((products_N / np.sqrt(np.maximum(norms_N, _TINY))).argmin())
    if norms_N[least] < _TINY:  # one of them is zero, or nearly
        is_same = (ours_KN == theirs_KN).all(axis=0)
        return float(np.where(norms_N < _TINY, is_same, 1.0).min())
    ours, theirs = ours_KN[:, least].astype(np.float64), theirs_KN[:, least].astype(np.float64)
    return float(ours @ theirs / np.sqrt((ours @ ours) * (theirs @ theirs)))


def nonfinite_differences(onnx: Answers, reference: Answers) -> dict[str, Any]:
    """Return the same where a logit is not finite: which example that is, and nothing else."""
    is_finite = np.isfinite(onnx.logits_KN) & np.isfinite(reference.logits_KN)
    return {
        "max_abs": 0.0,
        "worst_index": int(np.argmin(is_finite.all(axis=0))),
        "max_rel": 0.0,
        "sum_abs": 0.0,
        "histogram": counts_by_size(np.empty(0)),
        "min_cosine": 1.0,
        "outside": 0,
    }


def float64_errors(
    onnx: Answers, reference: Answers, reference64_NK: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return the largest errors of the reference and of ONNX against the reference in float64."""
    theirs = _largest_size(reference.logits_NK - reference64_NK)
    ours = _largest_size(onnx.logits_NK - reference64_NK)
    return (theirs, ours) if np.isfinite((theirs, ours)).all() else None


def _largest_size(values: NDArray[np.float64]) -> float:
    return max(float(values.max()), -float(values.min()))
