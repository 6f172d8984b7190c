"""Datasets in one `.npz` file of numpy, without pickles.

The format of the arrays inside is numpy's own:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from data.checks import one_line
from data.dataset import RawDataset
from errors import DatasetError

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
# A header that promises more than the file holds ends as MemoryError or, where the system hands
# out memory that nothing has touched yet, as ValueError.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> RawDataset:
    """Return the four arrays of an `.npz` file, and its `classes` if it has them.

    Images are `[N, C, H, W]`; `[N, H, W]` is taken as one channel.

    Raises:
        DatasetError: no `.npz` file, damaged, an array is missing, or one holds Python objects.
    """
    try:
        # Opened here, because np.load leaves a file open that it cannot read.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise DatasetError(str(path), f"holds one array, wanted {', '.join(KEYS)}")
            missing = [key for key in KEYS if key not in archive]
            if missing:
                raise DatasetError(
                    str(path),
                    f"lacks {', '.join(missing)}: found {', '.join(sorted(archive)) or 'no array'}",
                    hint=f"it must hold {', '.join(KEYS)}, and may hold classes",
                )
            arrays = {key: archive[key] for key in KEYS}
            names = archive.get("classes")
    except DAMAGE as error:
        raise DatasetError(str(path), f"not a readable .npz file: {_reason(error)}") from error
    return RawDataset(
        train_images=_with_channel(arrays["train_images"]),
        train_labels=arrays["train_labels"],
        test_images=_with_channel(arrays["test_images"]),
        test_labels=arrays["test_labels"],
        classes=None if names is None else _class_names(path, names),
    )


def _reason(error: Exception) -> str:
    if "unsafely" in str(error):  # numpy takes it for a pickle and says how to run what is in it
        return "it is neither a zip archive nor an array of numpy's"
    return one_line(error)


def _with_channel(images: NDArray[np.generic]) -> NDArray[np.generic]:
    return images[:, np.newaxis] if images.ndim == 3 else images


def _class_names(path: Path, names: NDArray[np.generic]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DatasetError(
            str(path),
            f"classes are {names.dtype} of shape {list(names.shape)}, wanted strings [K]",
        )
    return tuple(str(name) for name in names)
