import hashlib

import numpy as np
import pytest

from data.calibration import reduction_data
from data.dataset import Dataset, Split, SplitName, dataset_from_splits, split_sha256
from data.splits import training_indices
from errors import DatasetError


def split_of(images: np.ndarray) -> Split:
    labels = np.arange(len(images)) % 3
    return Split(images=images, labels=labels, sha256=split_sha256(images, labels))


def images_of(seed: int, count: int = 90) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 4, 4)).astype(np.uint8)


TRAIN, TEST = split_of(images_of(0)), split_of(images_of(1))


def dataset_that_opens(opened: list[SplitName]) -> Dataset:
    """A dataset that notes which split is opened, and has no test split to open."""

    def open_split(name: SplitName) -> Split:
        opened.append(name)
        return {"train": TRAIN}[name]

    return Dataset(
        name="some",
        classes=("a", "b", "c"),
        image_shape=(1, 4, 4),
        split_sha256={"train": TRAIN.sha256, "test": TEST.sha256},
        open_split=open_split,
    )


def test_calibration_never_opens_the_test_split() -> None:
    opened: list[SplitName] = []
    data = reduction_data(
        dataset_that_opens(opened), subset=1.0, val_split=0.2, seed=3, calibration_images=12
    )
    assert opened == ["train"]
    assert (len(data.calibration), len(data.validation)) == (12, 18)


def test_test_split_does_not_open_without_test() -> None:
    dataset = dataset_from_splits("some", ("a", "b", "c"), {"train": TRAIN, "test": TEST})
    closed = dataset.without_test()
    assert closed.train is dataset.train
    assert closed.sha256 == dataset.sha256
    with pytest.raises(DatasetError, match="must not be read before the network is finished"):
        _ = closed.test


def test_training_split_that_is_the_test_split_is_refused() -> None:
    dataset = dataset_from_splits("some", ("a", "b", "c"), {"train": TEST, "test": TEST})
    with pytest.raises(DatasetError, match="its training split is its test split"):
        reduction_data(dataset, subset=1.0, val_split=0.2, seed=0, calibration_images=5)


def test_parts_are_those_of_the_training_and_have_nothing_in_common() -> None:
    data = reduction_data(
        dataset_that_opens([]), subset=0.5, val_split=0.2, seed=7, calibration_images=9
    )
    trained = training_indices(TRAIN.labels, subset=0.5, val_split=0.2, seed=7)
    assert set(data.calibration.indices) <= set(trained.train)
    np.testing.assert_array_equal(data.validation.indices, trained.validation)
    assert np.bincount(data.calibration.labels).tolist() == [3, 3, 3]


def test_batches_are_the_images_in_order_and_the_hash_is_of_their_pixels() -> None:
    part = reduction_data(
        dataset_that_opens([]), subset=1.0, val_split=0.2, seed=0, calibration_images=1000
    ).calibration
    assert [len(batch) for batch in part.batches(32)] == [32, 32, 8]
    joined = np.concatenate(list(part.batches(32)))
    np.testing.assert_array_equal(joined, TRAIN.images[part.indices])
    assert part.sha256() == hashlib.sha256(TRAIN.images[part.indices].tobytes()).hexdigest()
