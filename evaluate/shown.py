"""The few examples of a split that are worth looking at: wrong ones and flipped ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import ShownExample, ShownExamples
from artifacts.logits import Logits
from evaluate.answers import Answers
from evaluate.softmax import probabilities_from_logits

MOST_SHOWN = 24  # of each kind: what one looks at, and no more
CLASSES_OF_A_SIDE = 2  # beside the label


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """Examples in the order in which they are to be shown.

    Attributes:
        indices: in the split.
        labels: their classes.
        ranks: of each, by which they are ordered; the smallest first.
        onnx_NK: what ONNX Runtime gave.
        reference_NK: what the other side gave, if there is one.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    ranks: NDArray[np.float64]
    onnx_NK: Logits
    reference_NK: Logits | None

    def __add__(self, other: "Chosen") -> "Chosen":
        both = Chosen(
            indices=np.concatenate([self.indices, other.indices]),
            labels=np.concatenate([self.labels, other.labels]),
            ranks=np.concatenate([self.ranks, other.ranks]),
            onnx_NK=np.concatenate([self.onnx_NK, other.onnx_NK]),
            reference_NK=None
            if self.reference_NK is None or other.reference_NK is None
            else np.concatenate([self.reference_NK, other.reference_NK]),
        )
        # Stable: of equal ones the earlier in the split, so that slices add up to the whole.
        return both.taken(np.argsort(both.ranks, kind="stable")[:MOST_SHOWN])

    def taken(self, rows: NDArray[np.intp]) -> "Chosen":
        """Return these rows of it."""
        return Chosen(
            indices=self.indices[rows],
            labels=self.labels[rows],
            ranks=self.ranks[rows],
            onnx_NK=self.onnx_NK[rows],
            reference_NK=None if self.reference_NK is None else self.reference_NK[rows],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """Wrong and flipped examples of some slice; of more slices their sum."""

    wrong: Chosen
    flipped: Chosen

    def __add__(self, other: "Shown") -> "Shown":
        return Shown(wrong=self.wrong + other.wrong, flipped=self.flipped + other.flipped)

    def record(self, *, labelled: bool, softmaxed: bool) -> ShownExamples:
        """Return them with the probabilities of the classes that either side thinks of.

        Args:
            labelled: whether the labels are the examples' own; without them none is wrong.
            softmaxed: the answers have been through a softmax already.
        """
        return ShownExamples(
            wrong=_records(self.wrong, True, softmaxed) if labelled else (),
            flipped=_records(self.flipped, labelled, softmaxed),
        )


def shown_of(onnx: Answers, reference: Answers | None, *, first_index: int = 0) -> Shown:
    """Return the wrong examples that ONNX Runtime is surest of, and the first flipped ones.

    Args:
        onnx: ONNX Runtime's answers.
        reference: the other side's to the same examples, if there is one.
        first_index: of these examples in the whole split.
    """
    is_wrong_N = ~onnx.is_correct_N
    wrong = _chosen(onnx, reference, np.flatnonzero(is_wrong_N), first_index, by_sureness=True)
    if reference is None:
        flipped = np.empty(0, np.intp)
    else:
        flipped = np.flatnonzero(onnx.predicted_N != reference.predicted_N)
    return Shown(
        wrong=wrong,
        flipped=_chosen(onnx, reference, flipped, first_index, by_sureness=False),
    )


def _chosen(
    onnx: Answers,
    reference: Answers | None,
    rows: NDArray[np.intp],
    first_index: int,
    *,
    by_sureness: bool,
) -> Chosen:
    if by_sureness and len(rows):
        logits_NK = onnx.logits_NK[rows].astype(np.float64)
        is_finite_N = np.isfinite(logits_NK).all(axis=1)
        two_NK = np.partition(logits_NK[is_finite_N], (-2, -1), axis=1)[:, -2:]
        ranks = np.full(len(rows), -np.inf)  # of those that are not finite: they come first
        # The lead over the runner-up says how sure it is, also where two probabilities are both 1.
        ranks[is_finite_N] = np.subtract(*two_NK.T)
    else:
        ranks = (rows + first_index).astype(np.float64)
    all_of_them = Chosen(
        indices=(rows + first_index).astype(np.int64),
        labels=onnx.labels_N[rows],
        ranks=ranks,
        onnx_NK=onnx.logits_NK[rows],
        reference_NK=None if reference is None else reference.logits_NK[rows],
    )
    return all_of_them.taken(np.argsort(ranks, kind="stable")[:MOST_SHOWN])


def _records(chosen: Chosen, labelled: bool, softmaxed: bool) -> tuple[ShownExample, ...]:
    reference_NK = chosen.reference_NK
    return tuple(
        _record(
            index,
            label if labelled else None,
            chosen.onnx_NK[row],
            None if reference_NK is None else reference_NK[row],
            softmaxed,
        )
        for row, (index, label) in enumerate(
            zip(chosen.indices.tolist(), chosen.labels.tolist(), strict=True)
        )
    )


def _record(
    index: int,
    label: int | None,
    onnx_K: Logits,
    reference_K: Logits | None,
    softmaxed: bool,
) -> ShownExample:
    sides = [onnx_K] if reference_K is None else [onnx_K, reference_K]
    likely = [np.argsort(-side, kind="stable")[:CLASSES_OF_A_SIDE].tolist() for side in sides]
    named = ([] if label is None else [label]) + [name for side in likely for name in side]
    classes = tuple(dict.fromkeys(named))
    told = [_probabilities(side, classes, softmaxed) for side in sides]
    return ShownExample(
        index=index,
        label=label,
        classes=classes,
        onnx=told[0],
        reference=told[1] if len(told) > 1 else None,
    )


def _probabilities(
    logits_K: Logits, classes: tuple[int, ...], softmaxed: bool
) -> tuple[float | None, ...]:
    likely_K = probabilities_from_logits(logits_K[None], softmaxed=softmaxed)[0]
    return tuple(
        float(likely_K[index]) if np.isfinite(likely_K[index]) else None for index in classes
    )
