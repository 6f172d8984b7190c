"""What is claimed of accuracy: counts, which must agree with each other, and what follows."""

from pydantic import model_validator

from artifacts.json_records import Count, Positive, Record, Share

ROUNDING = 1e-3  # of an example, in a share that was printed and read again


class ClassAccuracy(Record):
    """Counts of one class's examples."""

    label: str
    correct: Count
    examples: Count

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "ClassAccuracy":
        require_no_more(self.correct, self.examples)
        return self


class AccuracyRecord(Record):
    """Top-1 accuracy as counts, with the 95% Wilson interval, and how far confidence is from it."""

    top1: Share
    correct: Count
    examples: Positive
    ci95: tuple[Share, Share]
    per_class: tuple[ClassAccuracy, ...]
    confusion: tuple[tuple[Count, ...], ...]  # [label][predicted]
    expected_calibration_error: Share | None  # of 15 bins; None where logits are not finite
    constant_output: bool  # every image gets the same logits, up to rounding

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "AccuracyRecord":
        require_no_more(self.correct, self.examples)
        require_share(self.top1, self.correct, self.examples, "top1 is not correct / examples")
        if not self.ci95[0] <= self.top1 <= self.ci95[1]:
            raise ValueError("top1 is outside its interval")
        return self

    @model_validator(mode="after")
    def _require_sums_of_the_confusion(self) -> "AccuracyRecord":
        classes = len(self.per_class)
        if [len(row) for row in self.confusion] != [classes] * classes:
            raise ValueError(f"confusion is not {classes} x {classes}, as there are classes")
        for label, (counts, row) in enumerate(zip(self.per_class, self.confusion, strict=True)):
            if (counts.correct, counts.examples) != (row[label], sum(row)):
                raise ValueError(f"confusion counts other examples of class {label} than per_class")
        correct = sum(counts.correct for counts in self.per_class)
        if (correct, sum(map(sum, self.confusion))) != (self.correct, self.examples):
            raise ValueError("confusion counts other examples in all")
        return self


def require_no_more(counted: int, examples: int) -> None:
    """Refuse more than there are (ValueError)."""
    if counted > examples:
        raise ValueError(f"{counted} of {examples} examples")


def require_share(share: float, counted: int, examples: int, told: str) -> None:
    """Refuse a share that is not the counted of the examples (ValueError, which says that)."""
    if abs(share * examples - counted) > ROUNDING:
        raise ValueError(told)
