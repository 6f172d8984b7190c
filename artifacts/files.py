"""How bytes reach the disk, and how they are told apart: atomic replacement and sha256.

One writer for every artifact: a unique temporary name in the same directory, flush, fsync, rename,
fsync of the directory. A reader, or a process that starts after a crash, sees the old file or the
new one, never a part.
"""

import contextlib
import errno
import hashlib
import os
import shutil
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
        with _telling_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                prefix=TEMPORARY_PREFIX, suffix=path.suffix, dir=path.parent
            )
            os.close(handle)
            temporary = Path(name)
            yield temporary
            _put_in_place({path: temporary})
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_together(*paths: Path) -> Iterator[Path]:
    """Give a temporary directory for files of these names; on leaving, put them in their places.

    For files that name each other. One that was not written is removed from its place. Each is
    replaced as a whole, but not all at once: a record that speaks of them must be gone before, and
    be written after. When the body raises, the directory is removed and all stay as they were.

    Args:
        paths: of one directory.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    directory: Path | None = None
    parent = paths[0].parent
    try:
        with _telling_of(paths[0]):
            parent.mkdir(parents=True, exist_ok=True)
            directory = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent))
            yield directory
            written = {path: directory / path.name for path in paths}
            absent = [path for path, new in written.items() if not new.exists()]
            _put_in_place({path: new for path, new in written.items() if path not in absent})
            for path in absent:
                path.unlink(missing_ok=True)
    finally:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by a file that holds `content`, atomically and durably.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    """Tell what the system cannot do as the path's error, with the way out."""
    try:
        yield
    except OSError as error:
        raise UnfinishedError(
            str(path),
            f"cannot be written: {error.strerror or error}",
            hint="free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None,
        ) from error


def _put_in_place(written: dict[Path, Path]) -> None:
    """Replace each path by what was written for it."""
    # 1. all content is on the disk  2. the names point to it  3. the names are on the disk
    for temporary in written.values():
        _fsync(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private
    for path, temporary in written.items():
        temporary.replace(path)
    for directory in {path.parent for path in written}:
        _fsync(directory)


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
