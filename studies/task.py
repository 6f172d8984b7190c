"""Classes of a dataset that are to be told apart, as examples for training and for the test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from data import Dataset
from data.dataset import Split
from data.splits import TrainingIndices, training_indices
from errors import UsageError
from studies.examples import require_examples
from studies.softmax_regression import Examples

VAL_SPLIT = 0.2
MOST_BYTES = 2 << 30  # of the training images as float32
FAVOURITE_PAIR = ("3", "8")  # digits that are often taken for one another


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Some classes of a dataset.

    Attributes:
        classes: their names; a label is an index into them.
        images_NCHW: uint8, for training.
        train: the same as they are learned.
        test: the test examples, by the training examples' mean and deviation.
    """

    classes: tuple[str, ...]
    images_NCHW: NDArray[np.uint8]
    train: Examples
    test: Examples

    def indices(self, seed: int) -> TrainingIndices:
        """Return which training examples train, and which validate."""
        labels_N = self.train.labels_N.numpy()
        return training_indices(labels_N, subset=1.0, val_split=VAL_SPLIT, seed=seed)


def pair_of(classes: Sequence[str], wanted: tuple[str, str] | None) -> tuple[str, str]:
    """Return the two classes that were wanted; else 3 and 8, or where there are none the first two.

    Raises:
        UsageError: one of them is no class.
    """
    if wanted is None:
        has_favourites = set(FAVOURITE_PAIR) <= set(classes)
        return FAVOURITE_PAIR if has_favourites else (classes[0], classes[1])
    for name in wanted:
        if name not in classes:
            raise UsageError(
                "--classes", f"unknown class {name!r}: wanted two of {', '.join(classes)}"
            )
    return wanted


def task_of(dataset: Dataset, classes: tuple[str, ...]) -> Task:
    """Return those classes of the dataset.

    Raises:
        UsageError: they have too few training examples, or none for the test; or the training
            images take too much memory, or are all the same.
    """
    images_NCHW, train_labels = _members(dataset, dataset.train, classes)
    test_images, test_labels = _members(dataset, dataset.test, classes)
    told = f"{dataset.name}, classes {', '.join(classes)}"
    require_examples(told, len(train_labels))
    if not len(test_labels):
        raise UsageError("--dataset", f"{told}: wanted test examples, found none")
    taken = 4 * images_NCHW.size
    if taken > MOST_BYTES:
        raise UsageError(
            "--dataset",
            f"{told}: the training images take {taken / 2**30:.1f} GiB as float32; wanted"
            f" {MOST_BYTES >> 30} GiB or less",
        )
    train_NP, test_NP = (
        torch.from_numpy(images.astype(np.float32)).flatten(1)
        for images in (images_NCHW, test_images)
    )
    deviation, mean = torch.std_mean(train_NP)
    if not deviation:
        raise UsageError("--dataset", f"{told}: the training images are all the same")
    train, test = (
        Examples(
            inputs_NP=inputs_NP.sub_(mean).div_(deviation),
            labels_N=torch.from_numpy(labels_N),
            classes=len(classes),
        )
        for inputs_NP, labels_N in ((train_NP, train_labels), (test_NP, test_labels))
    )
    return Task(classes=classes, images_NCHW=images_NCHW, train=train, test=test)


def _members(
    dataset: Dataset, split: Split, classes: tuple[str, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the images of those classes, and their labels as indices into them."""
    if classes == dataset.classes:
        return np.asarray(split.images), np.array(split.labels)
    positions = [dataset.classes.index(name) for name in classes]
    is_member_N = np.isin(split.labels, positions)
    new_labels = np.zeros(len(dataset.classes), np.int64)
    new_labels[positions] = range(len(classes))
    return split.images[is_member_N], new_labels[split.labels[is_member_N]]
