"""One pass over a split: sums of accuracy and parity, slice by slice, in memory that stays flat.

A slice gives the same sums whoever computes it, in this process or in another, so that they can be
added in the order of the slices to the same result.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import GraphInput, GraphOutput
from artifacts.logits import Images, Logits, Tolerance
from artifacts.parity_records import LiveAgreement
from data import UNLABELLED
from data.images_at_once import images_at_once
from data.pages import ReadPages
from errors import ArtifactError
from evaluate.accuracy import Accuracy, accuracy_of
from evaluate.answers import SLICE, answers_from_logits
from evaluate.graph_input import logits_function
from evaluate.onnx_runtime import OnnxRunner
from evaluate.parity import Parity, parity_of
from evaluate.references import Reference, ReferenceSlice, in_batches
from evaluate.session_options import SessionOptions
from evaluate.shown import Shown, shown_of

BATCH_SIZE, LEAST_BATCH_SIZE = 128, 8  # of small images, and of large ones
OnStep = Callable[[str, int, int], None]  # what is going on, done, in all


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveSums:
    """PyTorch's logits of now against the recorded ones."""

    max_abs: float
    outside: int
    nonfinite: int

    def __add__(self, other: "LiveSums") -> "LiveSums":
        return LiveSums(
            max_abs=max(self.max_abs, other.max_abs),
            outside=self.outside + other.outside,
            nonfinite=self.nonfinite + other.nonfinite,
        )

    def record(self) -> LiveAgreement:
        """Return them as a record."""
        return LiveAgreement(
            max_abs=None if self.nonfinite else self.max_abs,
            within_tolerance=not (self.nonfinite or self.outside),
        )


Summable = TypeVar("Summable", Accuracy, Parity, LiveSums)


@dataclass(frozen=True, kw_only=True, eq=False)
class PassSums:
    """What a pass over some examples counts; None where there is nothing to compare with."""

    onnx: Accuracy
    reference: Accuracy | None
    parity: Parity | None
    live: LiveSums | None
    shown: Shown

    def __add__(self, other: "PassSums") -> "PassSums":
        return PassSums(
            onnx=self.onnx + other.onnx,
            reference=_sum(self.reference, other.reference),
            parity=_sum(self.parity, other.parity),
            live=_sum(self.live, other.live),
            shown=self.shown + other.shown,
        )


def _sum(first: Summable | None, second: Summable | None) -> Summable | None:
    return None if first is None or second is None else first + second


@dataclass(frozen=True, kw_only=True)
class PassPlan:
    """All that a process needs to compute slices, itself small enough to be sent to one."""

    onnx: Path
    session: SessionOptions
    form: GraphInput
    output: GraphOutput
    reference: Reference | None
    tolerance: Tolerance
    live_tolerance: Tolerance  # of PyTorch's logits of now against the recorded ones
    batch_size: int


def batch_size_of_pass(image_shape: tuple[int, int, int]) -> int:
    """Return how many images of C, H, W go through a graph at once that leaves it open."""
    return images_at_once(BATCH_SIZE, image_shape[1:], least=LEAST_BATCH_SIZE)


class SliceComputer:
    """Computes the sums of one slice after another, with one session."""

    def __init__(self, plan: PassPlan, runner: OnnxRunner | None = None) -> None:
        """Open the session, unless it is already there, and the reference."""
        self._plan = plan
        runner = runner or OnnxRunner(plan.onnx, plan.session)
        self._compute = logits_function(runner, plan.form, plan.output)
        self._read = plan.reference.open(plan.batch_size) if plan.reference else None

    def sums(self, images: Images, labels_N: NDArray[np.int64], start: int) -> PassSums:
        """Return the sums of these examples, the first of which has index `start` in the split."""
        plan = self._plan
        logits_NK = in_batches(self._compute, images, plan.batch_size)
        read = self._read(images, start) if self._read else None
        if (labels_N == UNLABELLED).all():
            labels_N = stand_in_labels(logits_NK if read is None else read.float32_NK)
        onnx = answers_from_logits(logits_NK, labels_N, first_index=start)
        accuracy = accuracy_of(onnx, probabilities=plan.output.probabilities)
        if read is None:
            shown = shown_of(onnx, None, first_index=start)
            return PassSums(onnx=accuracy, reference=None, parity=None, live=None, shown=shown)
        if read.float32_NK.shape != logits_NK.shape:
            raise ArtifactError(
                str(plan.onnx),
                f"gives {logits_NK.shape[1]} logits an image, its reference"
                f" {read.float32_NK.shape[1]}",
            )
        reference = answers_from_logits(read.float32_NK, labels_N, first_index=start)
        return PassSums(
            onnx=accuracy,
            reference=accuracy_of(reference, probabilities=plan.output.probabilities),
            parity=parity_of(
                onnx, reference, read.float64_NK, tolerance=plan.tolerance, first_index=start
            ),
            live=live_sums(read, plan.live_tolerance),
            shown=shown_of(onnx, reference, first_index=start),
        )


def stand_in_labels(logits_NK: Logits) -> NDArray[np.int64]:
    """Return the classes that the logits name, in the place of labels that are not there.

    Counts of correct answers then count agreement; no record passes them off as accuracy.
    """
    labels_N: NDArray[np.int64] = np.argmax(logits_NK, axis=1).astype(np.int64)
    return labels_N


def local_pass(
    computer: SliceComputer, images: Images, labels_N: NDArray[np.int64], on_step: OnStep
) -> PassSums:
    """Return the sums over all examples, computed in this process."""
    total: PassSums | None = None
    pages = ReadPages(images, labels_N)
    images, labels_N = np.asarray(images), np.asarray(labels_N)  # a slice of a map takes longer
    for start, stop in slices(len(images)):
        part = images[start:stop]
        sums = computer.sums(part, labels_N[start:stop], start)
        total = sums if total is None else total + sums
        pages.note(part)
        on_step("accuracy and parity", stop, len(images))
    assert total is not None  # a split has an example at least
    return total


def slices(examples: int) -> Iterator[tuple[int, int]]:
    """Yield first index and end of each slice."""
    for start in range(0, examples, SLICE):
        yield start, min(start + SLICE, examples)


def live_sums(read: ReferenceSlice, tolerance: Tolerance) -> LiveSums | None:
    """Return how logits of now agree with the recorded ones, where there are such."""
    if read.recorded_NK is None:
        return None
    now, recorded = read.float32_NK.astype(np.float64), read.recorded_NK.astype(np.float64)
    is_finite = np.isfinite(now) & np.isfinite(recorded)
    difference = np.abs(now[is_finite] - recorded[is_finite])
    return LiveSums(
        max_abs=float(difference.max(initial=0.0)),
        outside=int((difference > tolerance.allowed(recorded[is_finite])).sum()),
        nonfinite=int((~is_finite).sum()),
    )
