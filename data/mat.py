"""SVHN's cropped digits in MATLAB files, as on http://ufldl.stanford.edu/housenumbers/ (format 2).

Each file has `X`, uint8 `[32, 32, 3, N]`, and `y`, `[N, 1]` with 1 to 10: the digit 0 has label 10.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import RawDataset
from data.digits import DIGIT_CLASSES
from errors import DatasetError, UnfinishedError
from storage.temporary import temporary_directory
from untrusted.child import ChildError, ChildLimitError, Limits, result_in_child
from untrusted.compressed import MOST_EXPANSION
from untrusted.files import require_file
from untrusted.memory import available_memory_bytes, require_memory
from untrusted.npy import mapped_array

FILE_NAMES = ("train_32x32.mat", "test_32x32.mat")
LABEL_OF_ZERO = 10
# A damaged file can crash scipy's reader, which is compiled, and the whole process with it (seen
# with scipy 1.17.1 and random bytes in an uncompressed file). So it works in its own process.
READER = "data.mat_arrays:write_arrays"
COPIES = 3  # unpacked, as an array, and in another order
LEAST_MEMORY_BYTES = 1 << 28  # for files of a few bytes
LEAST_SECONDS, BYTES_A_SECOND = 60, 1e6  # a tenth of what is usual


def find_mat_pair(folder: Path) -> tuple[Path, ...]:
    """Return the paths of the training and the test file.

    Raises:
        DatasetError: one of them is missing.
    """
    for name in FILE_NAMES:
        if not (folder / name).exists():
            raise DatasetError(str(folder), f"{name} is missing: wanted {' and '.join(FILE_NAMES)}")
    return tuple(folder / name for name in FILE_NAMES)


def read_mat_pair(files: Sequence[Path]) -> RawDataset:
    """Return the digits in a training and a test file, images as `[N, 3, 32, 32]`, labels 0 to 9.

    Raises:
        DatasetError: a file is no MATLAB file, is damaged, or lacks `X` or `y` in SVHN's shapes.
        UnfinishedError: it takes more memory than there is, or more time than it could need.
    """
    train, test = files
    train_images, train_labels = _read_mat(train)
    test_images, test_labels = _read_mat(test)
    return RawDataset(
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=DIGIT_CLASSES,
    )


def _read_mat(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    with temporary_directory() as folder:
        images, labels = (folder / name for name in ("images.npy", "labels.npy"))
        arguments = {"path": str(path), "images": str(images), "labels": str(labels)}
        try:
            result_in_child(READER, arguments, _limits(require_file(path, error=DatasetError)))
        except ChildLimitError as error:
            raise UnfinishedError(str(path), f"scipy.io.loadmat {error}") from error
        except ChildError as error:
            raise DatasetError(str(path), f"not a readable MATLAB file: {error}") from error
        require_memory(str(path), images.stat().st_size)
        images_NCHW, labels_N = (np.array(mapped_array(file)) for file in (images, labels))
    return images_NCHW, np.where(labels_N == LABEL_OF_ZERO, 0, labels_N)


def _limits(size_bytes: int) -> Limits:
    """Return what a file of this size may take, and no more memory than there is."""
    most_bytes = LEAST_MEMORY_BYTES + COPIES * MOST_EXPANSION * size_bytes
    return Limits(
        seconds=LEAST_SECONDS + size_bytes / BYTES_A_SECOND,
        memory_bytes=min(most_bytes, available_memory_bytes()),
    )
