"""Datasets in one `.npz` file of numpy, without pickles (`untrusted.npz`)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import RawDataset
from errors import DatasetError
from untrusted.npz import arrays_from_npz

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def read_npz(path: Path) -> RawDataset:
    """Return the four arrays of an `.npz` file, and its `classes` if it has them.

    Images are `[N, C, H, W]`; `[N, H, W]` is taken as one channel.

    Raises:
        DatasetError: no `.npz` file, damaged, an array is missing, or one holds Python objects.
        UnfinishedError: it holds more than there is memory for.
    """
    arrays = arrays_from_npz(path, KEYS, optional=("classes",), error=DatasetError)
    names = arrays.get("classes")
    return RawDataset(
        train_images=_with_channel(arrays["train_images"]),
        train_labels=arrays["train_labels"],
        test_images=_with_channel(arrays["test_images"]),
        test_labels=arrays["test_labels"],
        classes=None if names is None else _class_names(path, names),
    )


def _with_channel(images: NDArray[np.generic]) -> NDArray[np.generic]:
    return images[:, np.newaxis] if images.ndim == 3 else images


def _class_names(path: Path, names: NDArray[np.generic]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DatasetError(
            str(path),
            f"classes are {names.dtype} of shape {list(names.shape)}, wanted strings [K]",
        )
    try:
        return tuple(str(name) for name in names)
    except ValueError as error:  # a number that is no character
        raise DatasetError(str(path), f"classes: {error}") from error
