"""Images that may decide how a graph is reduced: of the training split alone.

What is calibrated or chosen on the test split is proved on nothing. So the reduction is given a
dataset that refuses to open its test split, and of the training split two parts: images that the
network was trained on, for ranges, and those that validated it, for choices.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset
from data.splits import stratified_sample, training_indices
from errors import DatasetError

MOST_VALIDATION_IMAGES = 10_000  # an interval of 0.1 points; more would take longer and say little


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingPart:
    """Some images of the training split, read as they are needed.

    Attributes:
        images_NCHW: uint8, of the whole split; a memory map if it comes from the cache.
        labels_N: int64, of the whole split.
        indices: which of them, ascending.
    """

    images_NCHW: NDArray[np.uint8]
    labels_N: NDArray[np.int64]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of these images."""
        return self.labels_N[self.indices]

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the images in order, `size` at a time, the short last batch included."""
        for start in range(0, len(self.indices), size):
            yield self.images_NCHW[self.indices[start : start + size]]

    def sample(self, count: int) -> "TrainingPart":
        """Return a part of `count` images, each class in proportion; all where there are fewer."""
        if count >= len(self):
            return self
        chosen = stratified_sample(self.labels, count, np.random.default_rng(0))
        return TrainingPart(
            images_NCHW=self.images_NCHW, labels_N=self.labels_N, indices=self.indices[chosen]
        )

    def sha256(self) -> str:
        """Return the hex sha256 of the pixels, as C-contiguous uint8 in order."""
        digest = hashlib.sha256()
        for batch in self.batches(256):
            digest.update(np.ascontiguousarray(batch).data)
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class ReductionData:
    """What a reduced precision is calibrated on, and chosen by; they have no image in common."""

    calibration: TrainingPart
    validation: TrainingPart
    seed: int


def reduction_data(
    dataset: Dataset, *, subset: float, val_split: float, seed: int, calibration_images: int
) -> ReductionData:
    """Return both parts; the dataset's test split stays closed.

    With the fractions and the seed of a recipe, the calibration images are some that the network
    was trained on, each class in proportion, and the validation images those that chose its epoch.

    Args:
        dataset: whose training split is taken.
        subset: fraction of it that was used at all.
        val_split: fraction of those that validated.
        seed: of the split, and of the choice.
        calibration_images: how many; fewer where there are not so many.

    Raises:
        DatasetError: there is no training split, or it has the same examples as the test split.
    """
    if dataset.split_sha256.get("train") == dataset.split_sha256["test"]:
        raise DatasetError(
            dataset.name,
            "its training split is its test split: ranges would be taken from the images that the"
            " proof is made on",
        )
    train = dataset.without_test().train
    chosen = training_indices(train.labels, subset=subset, val_split=val_split, seed=seed)
    trained_on, validating = (
        TrainingPart(images_NCHW=train.images, labels_N=train.labels, indices=indices)
        for indices in (chosen.train, chosen.validation)
    )
    return ReductionData(
        calibration=trained_on.sample(calibration_images),
        validation=validating.sample(MOST_VALIDATION_IMAGES),
        seed=seed,
    )
