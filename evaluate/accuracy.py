"""Top-1 accuracy from logits: counts first, one division at the end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import AccuracyRecord, ClassAccuracy
from artifacts.logits import Logits
from errors import DatasetError
from evaluate.statistics import wilson_interval


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A confusion matrix and what follows from it.

    Attributes:
        confusion: int64 [label, predicted], counts of examples.
    """

    confusion: NDArray[np.int64]

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
    return Accuracy(confusion=counts.reshape(classes, classes).astype(np.int64))
