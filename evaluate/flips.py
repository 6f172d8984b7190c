"""Examples whose predicted class differs between the two sides, and whether that is explained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Tolerance
from artifacts.parity_records import Flip
from evaluate.answers import Answers

MOST_LISTED = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Flips:
    """Examples whose class differs: the first 10,000 one by one, and how many there are.

    Attributes:
        listed: of each its index, label, class of the reference, class of ONNX; int64 [F, 4].
        margins_F: the reference's margin between the two classes; NaN where it is not finite.
        count: of all.
        explained: how many of all are explained by their margin.
    """

    listed: NDArray[np.int64]
    margins_F: NDArray[np.float64]
    count: int
    explained: int

    def __add__(self, other: "Flips") -> "Flips":
        listed = np.concatenate([self.listed, other.listed])[:MOST_LISTED]
        margins_F = np.concatenate([self.margins_F, other.margins_F])[:MOST_LISTED]
        return Flips(
            listed=listed,
            margins_F=margins_F,
            count=self.count + other.count,
            explained=self.explained + other.explained,
        )

    def records(self) -> tuple[Flip, ...]:
        """Return those that are listed, in the order of the examples."""
        return tuple(
            Flip(
                index=index,
                label=label,
                reference=reference,
                onnx=onnx,
                margin=float(margin) if np.isfinite(margin) else None,
            )
            for (index, label, reference, onnx), margin in zip(
                self.listed.tolist(), self.margins_F, strict=True
            )
        )


NO_FLIPS = Flips(listed=np.empty((0, 4), np.int64), margins_F=np.empty(0), count=0, explained=0)


def flips_of(
    onnx: Answers, reference: Answers, tolerance: Tolerance, first_index: int = 0
) -> Flips:
    """Return every example whose class differs, and how many of them are explained.

    Any flip's margin is at most twice the example's largest difference: that follows from the
    triangle inequality, so by itself it could explain every flip, also that of a broken model. It
    explains one only up to the differences that the tolerance allows.
    """
    indices = np.flatnonzero(onnx.predicted_N != reference.predicted_N)
    if not len(indices):
        return NO_FLIPS
    was, became = reference.predicted_N[indices], onnx.predicted_N[indices]
    theirs = reference.logits_KN[:, indices].astype(np.float64)
    ours = onnx.logits_KN[:, indices].astype(np.float64)
    is_finite = np.isfinite(theirs).all(axis=0) & np.isfinite(ours).all(axis=0)
    columns = np.arange(len(indices))
    with np.errstate(invalid="ignore"):  # infinite logits; what comes of them does not count
        margins = theirs[was, columns] - theirs[became, columns]
        seen = np.abs(ours - theirs).max(axis=0)
        allowed = np.minimum(seen, tolerance.allowed(theirs).max(axis=0))
        is_explained = is_finite & (margins <= 2 * allowed)
    listed = np.stack([indices + first_index, onnx.labels_N[indices], was, became], axis=1)
    return Flips(
        listed=listed[:MOST_LISTED],
        margins_F=np.where(np.isfinite(theirs).all(axis=0), margins, np.nan)[:MOST_LISTED],
        count=len(indices),
        explained=int(is_explained.sum()),
    )
