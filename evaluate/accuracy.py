"""Top-1 accuracy and calibration from logits: counts first, one division at the end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.accuracy_records import AccuracyRecord, ClassAccuracy
from artifacts.calibration import (
    CALIBRATION_BINS,
    calibration_bins,
    calibration_error_of_bins,
)
from artifacts.statistics import wilson_interval
from evaluate.answers import Answers

# Logits that vary by less, relative to the largest, are one answer with rounding: eight units in
# the last place of a float32.
_ROUNDING = 2.0**-20


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy:
    """Counts over some examples; those of more examples are their sum.

    Attributes:
        confusion: int64 [label, predicted], counts of examples.
        confidence_B: float64, the sum of the confidences in each calibration bin.
        correct_B: int64, the correct examples in each calibration bin.
        low_K: the smallest logit of each class.
        high_K: the largest.
        nonfinite: how many logits are no finite numbers; such slices are in no bin.
    """

    confusion: NDArray[np.int64]
    confidence_B: NDArray[np.float64]
    correct_B: NDArray[np.int64]
    low_K: NDArray[np.float64]
    high_K: NDArray[np.float64]
    nonfinite: int

    def __add__(self, other: "Accuracy") -> "Accuracy":
        return Accuracy(
            confusion=self.confusion + other.confusion,
            confidence_B=self.confidence_B + other.confidence_B,
            correct_B=self.correct_B + other.correct_B,
            low_K=np.minimum(self.low_K, other.low_K),
            high_K=np.maximum(self.high_K, other.high_K),
            nonfinite=self.nonfinite + other.nonfinite,
        )

    @property
    def correct(self) -> int:
        """Examples whose predicted class is their label."""
        return int(np.trace(self.confusion))

    @property
    def examples(self) -> int:
        """All examples."""
        return int(self.confusion.sum())

    @property
    def top1(self) -> float:
        """Fraction of the examples that were classified correctly."""
        return self.correct / self.examples

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error (`artifacts.calibration`), or None if nonfinite.

        Confidence is the largest of an example's softmax probabilities.
        """
        if self.nonfinite:
            return None
        return calibration_error_of_bins(self.confidence_B, self.correct_B, self.examples)

    @property
    def is_constant(self) -> bool:
        """Whether all examples have the same logits, up to the rounding of float32."""
        if self.nonfinite or self.examples < 2:
            return False
        largest = np.maximum(np.abs(self.low_K), np.abs(self.high_K)).max()
        return bool(((self.high_K - self.low_K) <= _ROUNDING * largest).all())

    def record(self, classes: tuple[str, ...]) -> AccuracyRecord:
        """Return the counts by class name, with the 95% Wilson interval of the whole."""
        return AccuracyRecord(
            top1=self.top1,
            correct=self.correct,
            examples=self.examples,
            ci95=wilson_interval(self.correct, self.examples),
            per_class=tuple(
                ClassAccuracy(
                    label=name,
                    correct=int(self.confusion[label, label]),
                    examples=int(self.confusion[label].sum()),
                )
                for label, name in enumerate(classes)
            ),
            confusion=tuple(tuple(row) for row in self.confusion.tolist()),
            expected_calibration_error=self.calibration_error,
            constant_output=self.is_constant,
        )


def accuracy_of(answers: Answers, *, probabilities: bool = False) -> Accuracy:
    """Return the counts of the class with the largest logit.

    Args:
        answers: at least one.
        probabilities: the answers have been through a softmax already.
    """
    classes = len(answers.logits_KN)
    pairs_N = answers.labels_N * classes + answers.predicted_N
    counts = np.bincount(pairs_N, minlength=classes * classes)
    confidence_B, correct_B = _calibration(answers, probabilities)
    return Accuracy(
        confusion=counts.reshape(classes, classes).astype(np.int64),
        confidence_B=confidence_B,
        correct_B=correct_B,
        low_K=answers.low_K.astype(np.float64),
        high_K=answers.high_K.astype(np.float64),
        nonfinite=answers.nonfinite,
    )


def _calibration(
    answers: Answers, probabilities: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sum of the confidences and the correct examples in each bin."""
    if answers.nonfinite:
        return np.zeros(CALIBRATION_BINS), np.zeros(CALIBRATION_BINS, np.int64)
    if probabilities:
        confidence_N = np.clip(answers.largest_N.astype(np.float64), 0.0, 1.0)
    else:
        below_KN = np.subtract(answers.logits_KN, answers.largest_N, dtype=np.float64)
        confidence_N = 1 / np.exp(below_KN, out=below_KN).sum(axis=0)
    return calibration_bins(confidence_N, answers.is_correct_N)
