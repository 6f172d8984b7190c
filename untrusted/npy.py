"""numpy's arrays in files, read without believing what they say of themselves.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0,
numbers and text only. numpy's own reader evaluates the header as Python's literals.
"""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from errors import ArtifactError
from untrusted.compressed import Readable
from untrusted.files import opened_file

MAGIC = b"\x93NUMPY\x01\x00"
MOST_HEADER_BYTES = 4096  # numpy's have 118; of an array with 32 dimensions a few hundred
# Each of the three once, in any order. Possessive: nothing is tried twice, whatever stands there.
_ENTRY = (
    r"'descr': *+'(?P<descr>[<>|=]?[biufUS][0-9]{1,9})'"
    r"|'fortran_order': *+(?P<fortran>True|False)"
    r"|'shape': *+\((?P<shape>(?:[0-9]{1,19}+L?+(?:, *+)?+)*+)\)"
)
_HEADER = re.compile(rf"\{{ *+(?:(?:{_ENTRY}) *+,? *+){{3}}\}}\s*+")


@dataclass(frozen=True, kw_only=True)
class ArrayHeader:
    """What the header of an array says.

    Attributes:
        dtype: of numbers or text.
        shape: of the array.
        order: of its values.
        size_bytes: of the header itself.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    size_bytes: int

    @property
    def content_bytes(self) -> int:
        """How many bytes the values have."""
        return math.prod(self.shape) * self.dtype.itemsize


def mapped_array(path: Path, *, error: type[ArtifactError] = ArtifactError) -> NDArray[Any]:
    """Return the array of an `.npy` file as a read-only memory map.

    Raises:
        ArtifactError: no such file, or its size is not what its header says.
    """
    with opened_file(path, error=error) as file:
        try:
            header = array_header(file)
            promised = header.size_bytes + header.content_bytes
            if promised != (found := os.fstat(file.fileno()).st_size):
                raise ValueError(f"its header promises {promised:,} bytes, it has {found:,}")
            return np.memmap(
                file,
                mode="r",
                dtype=header.dtype,
                shape=header.shape,
                offset=header.size_bytes,
                order=header.order,
            )
        except (OSError, ValueError, OverflowError) as failure:
            raise error(str(path), f"not a readable .npy file: {failure}") from failure


def array_header(stream: Readable) -> ArrayHeader:
    """Return what the header of an array says, the stream left where its values begin.

    Raises:
        ValueError: no such header, or an array of neither numbers nor text.
    """
    start = stream.read(len(MAGIC) + 2)
    if start[:-2] != MAGIC:
        raise ValueError(f"an array starts with {start[:-2]!r}, wanted {MAGIC!r}")
    length = int.from_bytes(start[-2:], "little")
    if length > MOST_HEADER_BYTES:
        raise ValueError(f"an array's header has {length} bytes, wanted {MOST_HEADER_BYTES}")
    text = stream.read(length).decode("latin1")
    found = _HEADER.fullmatch(text)
    if len(text) < length or found is None or None in found.groups():
        raise ValueError(
            f"an array's header is {text[:100]!r}, wanted one of numbers or text: no objects"
        )
    try:
        dtype = np.dtype(found["descr"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"an array's values are {found['descr']!r}: {error}") from None
    if dtype.itemsize == 0:  # any number of them would fit into no memory at all
        raise ValueError(f"an array's values are {found['descr']!r}, which have no bytes")
    return ArrayHeader(
        dtype=dtype,
        shape=tuple(int(each.rstrip("L")) for each in found["shape"].split(",") if each.strip()),
        order="F" if found["fortran"] == "True" else "C",
        size_bytes=len(MAGIC) + 2 + length,
    )
