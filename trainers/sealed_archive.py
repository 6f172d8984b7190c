"""A zip archive that carries the sha256 of itself, as its comment.

`torch.save` writes such archives without a comment. The last two bytes of one then say that the
comment is empty (APPNOTE.TXT, 4.3.16); they become its length, and the hash of all before them is
the comment. Whatever reads the archive goes on reading it, and one file is replaced, not two.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO

from untrusted.files import opened_file

_LENGTH = struct.Struct("<H")
_DIGITS = 64
_SEAL_BYTES = _LENGTH.size + _DIGITS
CHUNK_BYTES = 1 << 20


def seal(path: Path) -> None:
    """Give an archive without a comment its own sha256 as one.

    Raises:
        OSError: the disk is full.
    """
    with path.open("r+b") as file:
        content_bytes = os.fstat(file.fileno()).st_size - _LENGTH.size
        digest = _sha256_of_start(file, content_bytes)
        assert file.read() == _LENGTH.pack(0), "wanted an archive without a comment"
        file.seek(content_bytes)
        file.write(_LENGTH.pack(_DIGITS) + digest.encode())


def is_sealed(path: Path) -> bool:
    """Return whether the archive is what it was when it was sealed, to the last bit.

    Raises:
        ArtifactError: the file is missing, cannot be read, or is no regular file.
    """
    with opened_file(path) as file:
        content_bytes = os.fstat(file.fileno()).st_size - _SEAL_BYTES
        if content_bytes < 0:
            return False
        digest = _sha256_of_start(file, content_bytes)
        return file.read() == _LENGTH.pack(_DIGITS) + digest.encode()


def _sha256_of_start(file: BinaryIO, count: int) -> str:
    digest = hashlib.sha256()
    while count > 0 and (chunk := file.read(min(CHUNK_BYTES, count))):
        digest.update(chunk)
        count -= len(chunk)
    return digest.hexdigest()
