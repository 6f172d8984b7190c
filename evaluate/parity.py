"""Whether two sides give the same logits, over every example of a split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.accuracy_records import AccuracyRecord
from artifacts.choices import ReferenceSource
from artifacts.logits import Tolerance
from artifacts.parity_records import DifferenceBin, Float64Errors, LiveAgreement, ParityRecord
from artifacts.statistics import mcnemar_exact
from evaluate.accuracy import Accuracy
from evaluate.answers import Answers
from evaluate.differences import differences, float64_errors, nonfinite_differences
from evaluate.flips import Flips, flips_of
from evaluate.size_histogram import counts_by_power, quantile_at_most


@dataclass(frozen=True, kw_only=True, eq=False)
class Parity:
    """Differences over some examples; those of more examples are their sum, taken in order.

    Attributes:
        examples: how many.
        nonfinite: logits of both sides that are no finite numbers; figures leave their slice out.
        max_abs: the largest difference, and `worst_index` the example that has it.
        worst_index: index in the split; the first example that is not finite, if one is.
        max_rel: the largest difference relative to the reference.
        sum_abs: of all differences.
        histogram: int64, differences by their size.
        min_cosine: the smallest of an example's logits of one side with those of the other.
        outside: elements that the tolerance does not allow.
        flips: examples whose class differs.
        only_reference: examples that only the reference got right.
        only_onnx: examples that only ONNX Runtime got right.
        float64: largest difference of the reference and of ONNX from the reference in float64.
    """

    examples: int
    nonfinite: int
    max_abs: float
    worst_index: int
    max_rel: float
    sum_abs: float
    histogram: NDArray[np.int64]
    min_cosine: float
    outside: int
    flips: Flips
    only_reference: int
    only_onnx: int
    float64: tuple[float, float] | None

    def __add__(self, other: "Parity") -> "Parity":
        return Parity(
            examples=self.examples + other.examples,
            nonfinite=self.nonfinite + other.nonfinite,
            max_abs=max(self.max_abs, other.max_abs),
            worst_index=_worse(self, other).worst_index,
            max_rel=max(self.max_rel, other.max_rel),
            sum_abs=self.sum_abs + other.sum_abs,
            histogram=self.histogram + other.histogram,
            min_cosine=min(self.min_cosine, other.min_cosine),
            outside=self.outside + other.outside,
            flips=self.flips + other.flips,
            only_reference=self.only_reference + other.only_reference,
            only_onnx=self.only_onnx + other.only_onnx,
            float64=(
                max(self.float64[0], other.float64[0]),
                max(self.float64[1], other.float64[1]),
            )
            if self.float64 and other.float64
            else None,
        )

    def record(
        self,
        *,
        tolerance: Tolerance,
        source: ReferenceSource,
        reference: Accuracy,
        reference_record: AccuracyRecord,
        live: LiveAgreement | None = None,
    ) -> ParityRecord:
        """Return what the sums say.

        Args:
            tolerance: that the examples were held to.
            source: where the reference came from.
            reference: its sums, which tell whether it depends on the images at all.
            reference_record: the same for the record.
            live: how PyTorch's logits of now agree with the recorded ones, where they were asked.
        """
        return ParityRecord(
            reference=source,
            examples=self.examples,
            tolerance=tolerance.name,
            atol=tolerance.atol,
            rtol=tolerance.rtol,
            outside_share=tolerance.outside_share,
            # Nonfinite values fail first: no figure is given that skips over them.
            **(_NO_FIGURES if self.nonfinite else self._figures(reference, tolerance)),
            nonfinite=self.nonfinite,
            constant_output=_varies_within(reference, tolerance),
            worst_index=self.worst_index,
            flips=self.flips.count,
            explained_flips=self.flips.explained,
            unexplained_flips=self.flips.count - self.flips.explained,
            flipped=self.flips.records(),
            mcnemar_p=mcnemar_exact(self.only_reference, self.only_onnx),
            pytorch_accuracy=reference_record,
            live=live,
        )

    def _figures(self, reference: Accuracy, tolerance: Tolerance) -> dict[str, object]:
        elements = self.examples * len(reference.low_K)
        return {
            "max_abs": self.max_abs,
            "max_rel": self.max_rel,
            "mean_abs": self.sum_abs / elements,
            "p99_abs": min(quantile_at_most(self.histogram, 0.99), self.max_abs),
            "min_cosine": self.min_cosine,
            "elements_outside": self.outside,
            "difference_counts": tuple(
                DifferenceBin(below=edge, count=count)
                for edge, count in counts_by_power(self.histogram)
            ),
            "within_tolerance": self.outside <= tolerance.most_outside(elements),
            "float64": self.float64
            and Float64Errors(pytorch_max_abs=self.float64[0], onnx_max_abs=self.float64[1]),
        }


_NO_FIGURES = {
    "max_abs": None,
    "max_rel": None,
    "mean_abs": None,
    "p99_abs": None,
    "min_cosine": None,
    "elements_outside": None,
    "within_tolerance": False,
    "float64": None,
}


def without_labels(record: ParityRecord) -> ParityRecord:
    """Return the record without what the labels said, of examples that have none."""
    flipped = tuple(flip.model_copy(update={"label": None}) for flip in record.flipped)
    nothing = {"mcnemar_p": None, "pytorch_accuracy": None}
    return record.model_copy(update={"flipped": flipped, **nothing})


def parity_of(
    onnx: Answers,
    reference: Answers,
    reference64_NK: NDArray[np.float64] | None,
    *,
    tolerance: Tolerance,
    first_index: int = 0,
) -> Parity:
    """Return how ONNX Runtime's answers to some examples compare with the reference's.

    Args:
        onnx: ONNX Runtime's answers.
        reference: the other side's to the same examples.
        reference64_NK: the reference in float64, which says who is nearer to the truth.
        tolerance: that every element is held to.
        first_index: of these examples in the whole split.

    Raises:
        ValueError: the shapes differ.
    """
    shape = onnx.logits_KN.shape
    if reference.logits_KN.shape != shape or (
        reference64_NK is not None and reference64_NK.shape != shape[::-1]
    ):
        found64 = None if reference64_NK is None else reference64_NK.shape
        raise ValueError(
            f"logits {shape[::-1]}, reference {reference.logits_KN.shape[::-1]} and {found64}"
        )
    nonfinite = onnx.nonfinite + reference.nonfinite
    figures = (
        nonfinite_differences(onnx, reference)
        if nonfinite
        else differences(onnx, reference, tolerance)
    )
    figures["worst_index"] = int(figures["worst_index"]) + first_index
    return Parity(
        examples=len(onnx),
        nonfinite=nonfinite,
        **figures,
        flips=flips_of(onnx, reference, tolerance, first_index),
        only_reference=int(np.count_nonzero(reference.is_correct_N & ~onnx.is_correct_N)),
        only_onnx=int(np.count_nonzero(onnx.is_correct_N & ~reference.is_correct_N)),
        float64=None
        if nonfinite or reference64_NK is None
        else float64_errors(onnx, reference, reference64_NK),
    )


def _worse(first: Parity, second: Parity) -> Parity:
    """Return which of the two has the example to look at: the earlier one not finite, or larger."""
    if first.nonfinite or second.nonfinite:
        return first if first.nonfinite else second
    return second if second.max_abs > first.max_abs else first


def _varies_within(reference: Accuracy, tolerance: Tolerance) -> bool:
    """Return whether all images' logits are so alike that the tolerance could not tell them apart.

    Such a reference proves nothing: a graph that ignores its input would be within the tolerance.
    """
    if reference.nonfinite or reference.examples < 2:
        return False
    largest_K = np.maximum(np.abs(reference.low_K), np.abs(reference.high_K))
    return bool((reference.high_K - reference.low_K <= tolerance.allowed(largest_K)).all())
