"""What is claimed of parity: two sides' logits over every example, and the classes they give."""

from pydantic import model_validator

from artifacts.accuracy_records import AccuracyRecord, require_no_more
from artifacts.choices import ReferenceSource
from artifacts.json_records import Count, Magnitude, Positive, Record, Share


class Flip(Record):
    """An example that the two sides put into different classes."""

    index: Count
    label: Count | None  # None: the example has none
    reference: Count
    onnx: Count
    margin: Magnitude | None  # of the reference's logits; None where they are not finite


class Float64Errors(Record):
    """How far each float32 side is from PyTorch in float64: largest absolute logit difference."""

    pytorch_max_abs: Magnitude
    onnx_max_abs: Magnitude


class LiveAgreement(Record):
    """PyTorch's logits of now against the recorded ones, within the same tolerance."""

    max_abs: Magnitude | None  # None where a value is not finite
    within_tolerance: bool


class DifferenceBin(Record):
    """How many logit differences are below this one, and not below the bin before it."""

    below: Magnitude
    count: Count


class ParityRecord(Record):
    """ONNX logits against the reference's over every example; None where values are not finite.

    The reference is PyTorch's or, with `onnx`, another ONNX file's.
    """

    reference: ReferenceSource
    examples: Positive
    tolerance: str
    atol: Magnitude
    rtol: Magnitude
    outside_share: Share = 0.0  # of the elements, that may be outside; of INT8 alone
    max_abs: Magnitude | None
    max_rel: Magnitude | None
    mean_abs: Magnitude | None
    p99_abs: Magnitude | None  # to 1/256 of itself, never below the exact one
    min_cosine: float | None
    within_tolerance: bool
    elements_outside: Count | None
    # All differences by their size, in powers of two; None also of an older evaluation.
    difference_counts: tuple[DifferenceBin, ...] | None = None
    nonfinite: Count
    constant_output: bool
    worst_index: Count  # the example with the largest difference, or the first not finite
    flips: Count
    explained_flips: Count
    unexplained_flips: Count
    flipped: tuple[Flip, ...]  # the first 10,000
    float64: Float64Errors | None
    mcnemar_p: Share | None  # as the next, None where the examples have no labels
    pytorch_accuracy: AccuracyRecord | None  # the reference's
    live: LiveAgreement | None

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "ParityRecord":
        require_no_more(self.flips, self.examples)
        if self.explained_flips + self.unexplained_flips != self.flips:
            raise ValueError("flips are not those explained and those unexplained")
        require_no_more(len(self.flipped), self.flips)
        indices = (self.worst_index, *(flip.index for flip in self.flipped))
        if max(indices) >= self.examples:
            raise ValueError(f"an index is of none of the {self.examples} examples")
        return self

    @model_validator(mode="after")
    def _require_tolerance_as_counted(self) -> "ParityRecord":
        may_be_outside = self.outside_share > 0
        if self.within_tolerance and (self.nonfinite or self.max_abs is None):
            raise ValueError("within_tolerance, but not all logits are finite")
        if self.within_tolerance and self.elements_outside and not may_be_outside:
            raise ValueError(f"within_tolerance, but {self.elements_outside} logits are outside")
        if not (self.within_tolerance or self.nonfinite or self.elements_outside):
            raise ValueError("not within_tolerance, but no logit is outside")
        return self

    @property
    def holds(self) -> bool:
        """Whether all holds that is asked of every evaluation; a user may ask for more."""
        return (
            self.within_tolerance
            and not self.constant_output
            and self.unexplained_flips <= self.outside_share * self.examples
            and (self.live is None or self.live.within_tolerance)
        )
