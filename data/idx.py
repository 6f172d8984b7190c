"""The IDX format of MNIST, plain or gzip-compressed, read without trusting its header.

As on LeCun's page (http://yann.lecun.com/exdb/mnist/, "the IDX file format"): two zero bytes, one
byte for the type (8 is unsigned byte), one for the number of dimensions, each dimension as a
big-endian 32-bit number, then the values in C order.
"""

import gzip
import io
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.checks import one_line
from data.dataset import RawDataset
from errors import DatasetError

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
UNSIGNED_BYTE = 0x08
CHUNK_BYTES = 1 << 20


def find_idx_files(folder: Path) -> tuple[Path, ...]:
    """Return the four files of a folder in the order of `STEMS`; `.gz` where both forms are there.

    Raises:
        DatasetError: one of the four is in neither form.
    """
    found = []
    for stem in STEMS:
        forms = [path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()]
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

    Memory grows with what the file really holds: a header may promise 10^10 images.

    Raises:
        DatasetError: the file breaks the format, or holds more or fewer bytes than it promises.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            shape = _shape_from_header(path, stream, dimensions)
            promised = math.prod(shape)
            content = _at_most(stream, promised + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(str(path), f"cannot be read: {one_line(error)}") from error
    if len(content) != promised:
        found = f"found {len(content)}" if len(content) < promised else "but more follow"
        raise DatasetError(str(path), f"its header promises {promised} bytes, {found}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _shape_from_header(path: Path, stream: io.BufferedIOBase, dimensions: int) -> tuple[int, ...]:
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


def _at_most(stream: io.BufferedIOBase, limit: int) -> bytearray:
    content = bytearray()
    while len(content) < limit:
        chunk = stream.read(min(CHUNK_BYTES, limit - len(content)))
        if not chunk:
            break
        content += chunk
    return content
