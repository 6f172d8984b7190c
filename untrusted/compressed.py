"""Compressed files: how much they can hold, and reading them without a second copy."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Deflate (gzip, zip, zlib) at its densest: two bits for 258 bytes (RFC 1951, 3.2.5).
MOST_EXPANSION = 1032
CHUNK_BYTES = 1 << 20


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


def content_of_stream(stream: Readable, size_bytes: int) -> NDArray[np.uint8]:
    """Return so many bytes of a stream, or as many as there are.

    The memory for them is taken at once: ask `require_memory` before.
    """
    content = np.empty(size_bytes, dtype=np.uint8)
    done = 0
    while done < size_bytes:
        chunk = stream.read(min(CHUNK_BYTES, size_bytes - done))
        if not chunk:
            break
        content[done : done + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        done += len(chunk)
    return content[:done]
