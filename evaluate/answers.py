"""One side's logits over a slice of the examples, with what accuracy and parity both need of them.

Arrays are turned to [K, N] once: sums and maxima over the few classes then run along the memory. A
pass over a small network's answers takes a good part of the time of the network itself, so that
every operation here counts (benchmarks/evaluation_speed.py).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Logits
from errors import DatasetError

SLICE = 4096  # examples; the sums of a slice do not depend on who computes them, or on what else


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Logits with labels.

    Attributes:
        logits_NK: float32.
        logits_KN: the same, turned.
        largest_N: the largest logit of each example.
        labels_N: int64, each one of the K classes.
        predicted_N: the class with the largest logit, the first of several.
        is_correct_N: whether that is the label.
        low_K: the smallest logit of each class.
        high_K: the largest.
        nonfinite: how many logits are no finite numbers.
    """

    logits_NK: Logits
    logits_KN: NDArray[np.float32]
    largest_N: NDArray[np.float32]
    labels_N: NDArray[np.int64]
    predicted_N: NDArray[np.intp]
    is_correct_N: NDArray[np.bool_]
    low_K: NDArray[np.float32]
    high_K: NDArray[np.float32]
    nonfinite: int

    def __len__(self) -> int:
        return len(self.labels_N)


def answers_from_logits(
    logits_NK: Logits, labels_N: NDArray[np.int64], *, first_index: int = 0
) -> Answers:
    """Return the logits as answers to the examples with these labels.

    Args:
        logits_NK: float32.
        labels_N: int64.
        first_index: of these examples in the whole split, to name one by.

    Raises:
        DatasetError: a label is none of the K classes.
        ValueError: there are not as many labels as logits.
    """
    if labels_N.shape != logits_NK.shape[:1]:
        raise ValueError(f"labels {labels_N.shape} of logits {logits_NK.shape}")
    classes = logits_NK.shape[1]
    if len(labels_N) and not 0 <= labels_N.min() <= labels_N.max() < classes:
        index = int(np.flatnonzero((labels_N < 0) | (labels_N >= classes))[0])
        raise DatasetError(
            "labels",
            f"label {labels_N[index]} at index {first_index + index}, wanted 0 to {classes - 1}:"
            f" the model has {classes} classes",
        )
    logits_KN = np.ascontiguousarray(logits_NK.T)
    largest_N = logits_KN.max(axis=0)
    low_K, high_K = logits_KN.min(axis=1), logits_KN.max(axis=1)  # NaN where one is NaN
    is_finite = bool(np.isfinite(low_K).all() and np.isfinite(high_K).all())
    predicted_N = _predicted(logits_NK, logits_KN == largest_N, labels_N)
    return Answers(
        logits_NK=logits_NK,
        logits_KN=logits_KN,
        largest_N=largest_N,
        labels_N=labels_N,
        predicted_N=predicted_N,
        is_correct_N=predicted_N == labels_N,
        low_K=low_K,
        high_K=high_K,
        nonfinite=0 if is_finite else int(np.count_nonzero(~np.isfinite(logits_NK))),
    )


def _predicted(
    logits_NK: Logits, is_largest_KN: NDArray[np.bool_], labels_N: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Return the class with the largest logit, the first of several; a NaN counts as the largest.

    That is numpy's argmax, which is slow along few classes: where each example has one largest
    logit, it is asked only about those whose label does not have it.
    """
    examples = len(labels_N)
    if np.count_nonzero(is_largest_KN) != examples:  # equal logits, or NaN
        return np.asarray(np.argmax(logits_NK, axis=1))
    predicted_N: NDArray[np.intp] = labels_N.astype(np.intp)
    others = np.flatnonzero(~is_largest_KN[labels_N, np.arange(examples)])
    predicted_N[others] = np.argmax(logits_NK[others], axis=1)
    return predicted_N
