"""How bytes reach the disk, and how they are told apart: atomic replacement and sha256.

One writer for every artifact: a unique temporary name in the same directory, flush, fsync, rename,
fsync of the directory. A reader, or a process that starts after a crash, sees the old file or the
new one, never a part.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from errors import ArtifactError, UnfinishedError

TEMPORARY_PREFIX = ".onnxproof-"
CHUNK_BYTES = 1 << 20


def sha256_of_bytes(content: bytes) -> str:
    """Return the SHA-256 (FIPS 180-4) of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a regular file's content as 64 hexadecimal digits.

    Raises:
        ArtifactError: the file is missing, not a regular file, or cannot be read.
    """
    if not path.is_file():
        raise ArtifactError(str(path), "no such file" if not path.exists() else "not a file")
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            return digest.hexdigest()
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving, make it durable and put it in `path`'s place.

    When the body raises, the temporary file is removed and `path` stays as it was.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=TEMPORARY_PREFIX, suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # 1. the content is on the disk  2. the name points to it  3. the name is on the disk
        _fsync(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        raise UnfinishedError(
            str(path),
            f"cannot be written: {error.strerror or error}",
            hint="free some space, or name another run directory with --run",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by a file that holds `content`, atomically and durably.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
