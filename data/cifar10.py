"""CIFAR-10's batches, which are pickles (https://www.cs.toronto.edu/~kriz/cifar.html).

They are read only once their bytes are known, and with nothing but numpy's arrays in reach: a
pickle is a program, and this one can build arrays, lists and text.
"""

import io
import pickle
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct
from numpy.typing import NDArray

from data.dataset import RawDataset
from errors import DatasetError
from untrusted.files import content_of_file

TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
MOST_BATCH_BYTES = 1 << 25  # a batch has 31,035,704
SHAPE_CHW = (3, 32, 32)


def read_cifar10(files: Sequence[Path], folder: str, classes: tuple[str, ...]) -> RawDataset:
    """Return the images of the archive, or of the folder's files, whichever is given.

    Args:
        files: the archive alone, or the unpacked files; their checksums are known to be right.
        folder: of the batches in the archive.
        classes: the names of the labels.
    """
    names = (*TRAIN_BATCHES, TEST_BATCH)
    if len(files) == 1:
        contents = _contents_of_archive(files[0], [f"{folder}/{name}" for name in names])
    else:
        by_name = {path.name: path for path in files}
        contents = [
            content_of_file(by_name[name], most_bytes=MOST_BATCH_BYTES, error=DatasetError)
            for name in names
        ]
    *train, test = (_batch(content) for content in contents)
    return RawDataset(
        train_images=np.concatenate([images for images, _ in train]),
        train_labels=np.concatenate([labels for _, labels in train]),
        test_images=test[0],
        test_labels=test[1],
        classes=classes,
    )


def _contents_of_archive(path: Path, names: Sequence[str]) -> list[bytes]:
    with tarfile.open(path, "r:gz") as archive:
        members = [archive.extractfile(name) for name in names]
        return [member.read(MOST_BATCH_BYTES) for member in members if member is not None]


def _batch(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images `[N, C, H, W]` and labels `[N]` of one batch."""
    batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    return batch["data"].reshape(-1, *SHAPE_CHW), np.array(batch["labels"], dtype=np.int64)


def _dtype(kind: str, align: int, copy: int) -> np.dtype[Any]:
    # numpy of 2009 wrote 0 and 1 where it wants False and True now.
    return np.dtype(kind, align=bool(align), copy=bool(copy))


_KNOWN: Mapping[tuple[str, str], Callable[..., object]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """Return what a pickle may call.

        Raises:
            UnpicklingError: it wants anything else.
        """
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"a batch calls {module}.{name}")
        return _KNOWN[module, name]
