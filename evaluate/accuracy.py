"""Top-1 accuracy and calibration from logits: counts first, one division at the end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import AccuracyRecord, ClassAccuracy
from artifacts.logits import Logits
from errors import DatasetError
from evaluate.statistics import wilson_interval

CALIBRATION_BINS = 15  # as in Guo et al. 2017


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A confusion matrix and what follows from it, and how well confidence foretells it.

    Attributes:
        confusion: int64 [label, predicted], counts of examples.
        calibration_error: expected calibration error, or None where a logit is not finite.
    """

    confusion: NDArray[np.int64]
    calibration_error: float | None

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
        )


def accuracy_from_logits(logits_NK: Logits, labels_N: NDArray[np.int64]) -> Accuracy:
    """Return the accuracy of the class with the largest logit.

    Raises:
        DatasetError: a label is none of the K classes.
        ValueError: there are not as many labels as logits.
    """
    if labels_N.shape != logits_NK.shape[:1]:
        raise ValueError(f"labels {labels_N.shape} of logits {logits_NK.shape}")
    classes = logits_NK.shape[1]
    outside = np.flatnonzero((labels_N < 0) | (labels_N >= classes))
    if len(outside):
        index = int(outside[0])
        raise DatasetError(
            "labels",
            f"label {labels_N[index]} at index {index}, wanted 0 to {classes - 1}",
        )
    predicted = np.argmax(logits_NK, axis=1)
    pairs = labels_N * classes + predicted
    counts = np.bincount(pairs, minlength=classes * classes)
    return Accuracy(
        confusion=counts.reshape(classes, classes).astype(np.int64),
        calibration_error=calibration_error(logits_NK, predicted == labels_N),
    )


def calibration_error(logits_NK: Logits, is_correct_N: NDArray[np.bool_]) -> float | None:
    """Return the expected calibration error (Naeini et al. 2015; Guo et al. 2017).

    Examples are put into bins of equal width by their confidence, the largest of their softmax
    probabilities; a bin holds its upper bound and not its lower one. The error is the mean over the
    examples of how far their bin's accuracy is from its mean confidence: 0 to 1, or None where a
    logit is not finite.
    """
    if not np.isfinite(logits_NK).all():
        return None
    logits = logits_NK.astype(np.float64)
    largest_N1 = logits.max(axis=1, keepdims=True)
    confidence_N = 1 / np.exp(logits - largest_N1).sum(axis=1)
    bins_N = np.ceil(confidence_N * CALIBRATION_BINS).astype(np.int64) - 1
    confident = np.bincount(bins_N, weights=confidence_N, minlength=CALIBRATION_BINS)
    correct = np.bincount(bins_N[is_correct_N], minlength=CALIBRATION_BINS)
    return float(np.abs(confident - correct).sum() / len(logits))
