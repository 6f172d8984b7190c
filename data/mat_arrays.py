"""MATLAB files to numpy's: the part of `data.mat` that runs in a process of its own."""

import errno
from pathlib import Path

import numpy as np
import scipy.io

from errors import DatasetError, UnfinishedError
from untrusted.files import opened_file

NUMBERS = "iuf"  # numpy's kinds of them


def write_arrays(path: str, images: str, labels: str) -> None:
    """Write `X` and `y` of a MATLAB file as `.npy` files: images `[N, C, H, W]`, labels `[N]`.

    Raises:
        DatasetError: they are missing, no numbers, or have not SVHN's shapes.
        UnfinishedError: the disk is full.
        Exception: whatever scipy raises where the file is damaged.
    """
    with opened_file(Path(path), error=DatasetError) as file:
        content = scipy.io.loadmat(file, variable_names=["X", "y"])
    arrays = {name: content[name] for name in ("X", "y") if name in content}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in NUMBERS:
            raise DatasetError(path, f"{name} is no array of numbers")
    found = {name: list(array.shape) for name, array in arrays.items()}
    if len(found) < 2 or found["X"][:3] != [32, 32, 3] or found["y"] != [found["X"][-1], 1]:
        raise DatasetError(
            path, f"wanted X [32, 32, 3, N] and y [N, 1], found {found or 'neither'}"
        )
    try:
        np.save(images, np.ascontiguousarray(arrays["X"].transpose(3, 2, 0, 1)))
        np.save(labels, arrays["y"][:, 0])
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UnfinishedError(images, "disk full") from error
        raise
