"""Which training examples are trained on, and which validate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errors import UsageError


@dataclass(frozen=True, kw_only=True)
class TrainingIndices:
    """Positions in the training split, ascending; no position is in both."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def training_indices(
    labels: NDArray[np.int64], *, subset: float, val_split: float, seed: int
) -> TrainingIndices:
    """Return a stratified subset of the examples, divided into training and validation.

    floor(subset * N) examples are taken, and round(val_split * that) of them validate. The same
    labels, fractions and seed give the same indices.

    Raises:
        UsageError: the fractions leave no example for training or for validation.
    """
    random = np.random.default_rng(seed)
    chosen = np.arange(len(labels), dtype=np.int64)
    if subset < 1:
        chosen = stratified_sample(labels, int(subset * len(labels)), random)
    if len(chosen) < 2:
        raise UsageError(
            "--subset", f"{subset:g} of {len(labels)} examples is {len(chosen)}; wanted 2 or more"
        )
    validation_count = round(val_split * len(chosen))
    if not 0 < validation_count < len(chosen):
        raise UsageError(
            "--val-split",
            f"{val_split:g} of {len(chosen)} examples leaves {len(chosen) - validation_count}"
            f" to train on and {validation_count} to validate; wanted at least one of each",
        )
    validation = chosen[stratified_sample(labels[chosen], validation_count, random)]
    return TrainingIndices(train=np.setdiff1d(chosen, validation), validation=validation)


def stratified_sample(
    labels: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return `count` positions, ascending, drawn at random with each class in proportion.

    The parts of an example that proportions leave over go to the classes that lost the largest
    ones (Hare's largest-remainder method), so that the counts add up.
    """
    classes, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    quotas = sizes * (count / len(labels))
    taken = np.floor(quotas).astype(np.int64)
    leftovers = np.argsort(taken - quotas, kind="stable")[: count - int(taken.sum())]
    taken[leftovers] += 1
    drawn = [
        random.permutation(np.flatnonzero(inverse == position))[: taken[position]]
        for position in range(len(classes))
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)
