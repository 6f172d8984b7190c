"""Memory maps larger than memory: pages that were read are given back."""

import mmap

import numpy as np
from numpy.typing import NDArray


def release_pages(array: NDArray[np.generic]) -> None:
    """Give the pages of a read-only memory map back; nothing for any other array.

    The system would keep them until it is short of memory, and count them as this process'. What is
    read again comes from the system's own cache.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        base.madvise(mmap.MADV_DONTNEED)
