"""The IDX format of MNIST, plain or gzip-compressed, read without trusting its header.

As on LeCun's page (http://yann.lecun.com/exdb/mnist/, "the IDX file format"): two zero bytes, one
byte for the type (8 is unsigned byte), one for the number of dimensions, each dimension as a
big-endian 32-bit number, then the values in C order.
"""

import gzip
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.checks import one_line
from data.dataset import RawDataset
from errors import DatasetError
from untrusted.compressed import MOST_EXPANSION, Readable, content_of_stream
from untrusted.files import opened_file
from untrusted.memory import require_memory

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
UNSIGNED_BYTE = 0x08


def find_idx_files(folder: Path) -> tuple[Path, ...]:
    """Return the four files of a folder in the order of `STEMS`; `.gz` where both forms are there.

    Raises:
        DatasetError: one of the four is in neither form.
    """
    found = []
    for stem in STEMS:
        forms = [path for path in (folder / f"{stem}.gz", folder / stem) if path.exists()]
        if not forms:
            raise DatasetError(
                str(folder), f"has neither {stem}.gz nor {stem}: wanted all of {', '.join(STEMS)}"
            )
        found.append(forms[0])
    return tuple(found)


def read_idx_files(files: Sequence[Path], classes: tuple[str, ...] | None = None) -> RawDataset:
    """Return the dataset in four files, in the order of `STEMS`, images as `[N, 1, H, W]`.

    Raises:
        DatasetError: a file breaks the format, or holds more or fewer bytes than it promises.
    """
    train_images, train_labels, test_images, test_labels = files
    return RawDataset(
        train_images=read_idx(train_images, dimensions=3)[:, np.newaxis],
        train_labels=read_idx(train_labels, dimensions=1),
        test_images=read_idx(test_images, dimensions=3)[:, np.newaxis],
        test_labels=read_idx(test_labels, dimensions=1),
        classes=classes,
    )


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Return the uint8 array in an IDX file with this many dimensions.

    Memory is taken only for what the file can hold: a header may promise 10^10 images.

    Raises:
        DatasetError: the file breaks the format, or holds more or fewer bytes than it promises.
        UnfinishedError: it holds more than there is memory for.
    """
    with opened_file(path, error=DatasetError) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        try:
            if path.suffix == ".gz":
                with gzip.open(file) as stream:
                    return _array(path, stream, dimensions, MOST_EXPANSION * size_bytes)
            return _array(path, file, dimensions, size_bytes)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise DatasetError(str(path), f"cannot be read: {one_line(error)}") from error


def _array(path: Path, stream: Readable, dimensions: int, most_bytes: int) -> NDArray[np.uint8]:
    """Return the array in a stream that holds no more than so many bytes."""
    shape = _shape_from_header(path, stream, dimensions)
    promised = math.prod(shape)
    if promised > most_bytes:
        raise DatasetError(
            str(path),
            f"its header promises {promised} bytes, at most {most_bytes} fit into it",
        )
    require_memory(str(path), promised)
    content = content_of_stream(stream, promised)
    if content.nbytes < promised:
        raise DatasetError(
            str(path), f"its header promises {promised} bytes, found {content.nbytes}"
        )
    if stream.read(1):
        raise DatasetError(str(path), f"its header promises {promised} bytes, but more follow")
    return content.reshape(shape)


def _shape_from_header(path: Path, stream: Readable, dimensions: int) -> tuple[int, ...]:
    header = stream.read(4 + 4 * dimensions)
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if header[:4] != magic:
        raise DatasetError(
            str(path),
            f"starts with {header[:4].hex(' ') or 'nothing'}, wanted {magic.hex(' ')}: "
            f"IDX, unsigned bytes, {dimensions} dimensions",
        )
    if len(header) < 4 + 4 * dimensions:
        raise DatasetError(str(path), f"ends inside its header, after {len(header)} bytes")
    return tuple(int(length) for length in np.frombuffer(header, dtype=">u4", offset=4))
