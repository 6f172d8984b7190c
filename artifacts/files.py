"""How files are told apart: by their sha256. How they reach the disk: `storage.writing`."""

import hashlib
from pathlib import Path

from errors import ArtifactError
from untrusted.files import opened_file

CHUNK_BYTES = 1 << 20


def sha256_of_bytes(content: bytes) -> str:
    """Return the SHA-256 (FIPS 180-4) of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path, *, most_bytes: int | None = None) -> str:
    """Return the SHA-256 of a regular file's content as 64 hexadecimal digits.

    Args:
        path: of the file.
        most_bytes: that it may have: to hash a terabyte takes an hour, though it be all holes.

    Raises:
        ArtifactError: the file is missing, not a regular file, too large, or cannot be read.
    """
    try:
        with opened_file(path, most_bytes=most_bytes) as file:
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            return digest.hexdigest()
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read: {error.strerror}") from error
