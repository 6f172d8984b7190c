"""Memory maps larger than memory: pages that were read are given back."""

import mmap

import numpy as np
from numpy.typing import NDArray

RELEASED_BYTES = 1 << 24  # that were read are given back at a time


class ReadPages:
    """Gives pages of read-only memory maps back, now and then as they are read.

    The system would keep them until it is short of memory, and count them as this process'. What is
    read again comes from the system's own cache.

    Args:
        arrays: that are read; those that are no read-only memory maps are left alone.
    """

    def __init__(self, *arrays: NDArray[np.generic]) -> None:
        self._maps = [found for array in arrays if (found := _map_of(array)) is not None]
        self._read_bytes = 0

    def note(self, *parts: NDArray[np.generic]) -> None:
        """Take note that these parts of the arrays were read."""
        self._read_bytes += sum(part.nbytes for part in parts)
        if self._read_bytes >= RELEASED_BYTES:
            self._read_bytes = 0
            for each in self._maps:
                each.madvise(mmap.MADV_DONTNEED)


def _map_of(array: NDArray[np.generic]) -> mmap.mmap | None:
    base: object = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return None
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # Windows has it not
        return base
    return None
