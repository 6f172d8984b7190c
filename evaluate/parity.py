"""Whether two sides give the same logits, over every example of a split."""

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import AccuracyRecord, Flip, Float64Errors, ParityRecord
from artifacts.logits import Logits, Tolerance
from evaluate.statistics import mcnemar_exact

# A cosine or a relative difference of values this small says nothing.
_TINY = float(np.finfo(np.float32).tiny)


def parity_of(
    onnx_NK: Logits,
    reference_NK: Logits,
    reference64_NK: NDArray[np.float64],
    labels_N: NDArray[np.int64],
    *,
    tolerance: Tolerance,
    source: str,
    pytorch_accuracy: AccuracyRecord,
) -> ParityRecord:
    """Return how the ONNX logits compare with PyTorch's.

    Args:
        onnx_NK: ONNX Runtime's logits, float32.
        reference_NK: PyTorch's, float32, of the same examples.
        reference64_NK: PyTorch's in float64, which says who is nearer to the truth.
        labels_N: of the examples, for McNemar's test.
        tolerance: that every element is held to.
        source: where the reference came from: `recorded` or `live`.
        pytorch_accuracy: of the reference.

    Raises:
        ValueError: the shapes differ.
    """
    if onnx_NK.shape != reference_NK.shape or reference_NK.shape != reference64_NK.shape:
        raise ValueError(
            f"logits {onnx_NK.shape}, reference {reference_NK.shape} and {reference64_NK.shape}"
        )
    nonfinite = int((~np.isfinite(onnx_NK)).sum() + (~np.isfinite(reference_NK)).sum())
    onnx, reference = onnx_NK.astype(np.float64), reference_NK.astype(np.float64)
    flipped = _flips(onnx, reference, labels_N, tolerance)
    explained = sum(is_explained for _, is_explained in flipped)
    only_pytorch, only_onnx = _discordant(onnx, reference, labels_N)
    return ParityRecord(
        reference=source,
        examples=len(labels_N),
        tolerance=tolerance.name,
        atol=tolerance.atol,
        rtol=tolerance.rtol,
        # Nonfinite values fail first: no figure is given that skips over them.
        **(_NO_FIGURES if nonfinite else _figures(onnx, reference, tolerance)),
        nonfinite=nonfinite,
        constant_output=len(labels_N) > 1 and bool((reference == reference[0]).all()),
        flips=len(flipped),
        explained_flips=explained,
        unexplained_flips=len(flipped) - explained,
        flipped=tuple(flip for flip, _ in flipped),
        float64=None
        if nonfinite or not np.isfinite(reference64_NK).all()
        else Float64Errors(
            pytorch_max_abs=float(np.abs(reference - reference64_NK).max()),
            onnx_max_abs=float(np.abs(onnx - reference64_NK).max()),
        ),
        mcnemar_p=mcnemar_exact(only_pytorch, only_onnx),
        pytorch_accuracy=pytorch_accuracy,
    )


_NO_FIGURES = {
    "max_abs": None,
    "max_rel": None,
    "mean_abs": None,
    "p99_abs": None,
    "min_cosine": None,
    "elements_outside": None,
    "within_tolerance": False,
}


def _figures(
    onnx: NDArray[np.float64], reference: NDArray[np.float64], tolerance: Tolerance
) -> dict[str, float | int | bool]:
    difference = np.abs(onnx - reference)
    outside = int((difference > tolerance.allowed(reference)).sum())
    norms = np.linalg.norm(onnx, axis=1) * np.linalg.norm(reference, axis=1)
    cosines = (onnx * reference).sum(axis=1) / np.maximum(norms, _TINY)
    cosines[(onnx == reference).all(axis=1)] = 1.0  # also where both are zero
    return {
        "max_abs": float(difference.max()),
        "max_rel": float((difference / np.maximum(np.abs(reference), _TINY)).max()),
        "mean_abs": float(difference.mean()),
        "p99_abs": float(np.quantile(difference, 0.99)),
        "min_cosine": float(cosines.min()),
        "elements_outside": outside,
        "within_tolerance": outside == 0,
    }


def _flips(
    onnx: NDArray[np.float64],
    reference: NDArray[np.float64],
    labels_N: NDArray[np.int64],
    tolerance: Tolerance,
) -> list[tuple[Flip, bool]]:
    """Return every example whose class differs, and whether that is explained.

    Any flip's margin is at most twice the example's largest difference: that follows from the
    triangle inequality, so by itself it could explain every flip, also that of a broken model. It
    explains one only up to the differences that the tolerance allows.
    """
    was, became = reference.argmax(axis=1), onnx.argmax(axis=1)
    flips = []
    for index in np.flatnonzero(was != became).tolist():
        row, classes = reference[index], (int(was[index]), int(became[index]))
        margin, is_explained = None, False
        if np.isfinite(row).all() and np.isfinite(onnx[index]).all():
            margin = float(row[classes[0]] - row[classes[1]])
            seen = float(np.abs(onnx[index] - row).max())
            is_explained = margin <= 2 * min(seen, float(tolerance.allowed(row).max()))
        flip = Flip(
            index=index,
            label=int(labels_N[index]),
            reference=classes[0],
            onnx=classes[1],
            margin=margin,
        )
        flips.append((flip, is_explained))
    return flips


def _discordant(
    onnx: NDArray[np.float64], reference: NDArray[np.float64], labels_N: NDArray[np.int64]
) -> tuple[int, int]:
    """Return how many examples only PyTorch, and only ONNX Runtime, classified correctly."""
    by_pytorch = reference.argmax(axis=1) == labels_N
    by_onnx = onnx.argmax(axis=1) == labels_N
    return int((by_pytorch & ~by_onnx).sum()), int((by_onnx & ~by_pytorch).sum())
