"""The one writer: a file is replaced as a whole, and is on the disk then.

A unique temporary name in the same directory, flush, fsync, rename, fsync of the directory: a
reader, or a process that starts after a crash, sees the old file or the new one, never a part.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from errors import UnfinishedError
from storage.temporary import temporary_directory, temporary_file

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving, make it durable and put it in `path`'s place.

    When the body raises, the temporary file is removed and `path` stays as it was.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full; or what has this name
            is no file, such as a device.
    """
    with _telling_of(path):
        _make_parent(path)
        with temporary_file(path.parent, path.suffix) as temporary:
            yield temporary
            put_in_place({path: temporary})


@contextlib.contextmanager
def replacing_together(*paths: Path, withdraw: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Give a temporary directory for files of these names; on leaving, put them in their places.

    One that was not written is removed from its place. Each is replaced as a whole, but not all at
    once: a record that speaks of them must be gone before, and be written after. When the body
    raises, or the disk is full, the directory is removed and all stay as they were.

    Args:
        paths: of one directory.
        withdraw: takes back what a record says of them. It is called when all that is new is on the
            disk and nothing but its names is still to be changed.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    with _telling_of(paths[0]):
        _make_parent(paths[0])
        with temporary_directory(paths[0].parent) as directory:
            yield directory
            written = {path: directory / path.name for path in paths}
            absent = [path for path, new in written.items() if not new.exists()]
            present = {path: new for path, new in written.items() if path not in absent}
            put_in_place(present, withdraw=withdraw)
            for path in absent:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def placing_directory(path: Path) -> Iterator[Path]:
    """Give a temporary directory; on leaving, make its files durable and give it this name.

    Where another process was first, what that one has put there stays.

    Raises:
        UnfinishedError: the directory around it cannot be written, or the disk is full.
    """
    with _telling_of(path):
        _make_parent(path)
        with temporary_directory(path.parent) as temporary:
            yield temporary
            for file in temporary.iterdir():
                _fsync(file)
            _fsync(temporary)
            try:
                temporary.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
            _fsync(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by a file that holds `content`, atomically and durably.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def put_in_place(
    written: Mapping[Path, Path], *, withdraw: Callable[[], None] = lambda: None
) -> None:
    """Replace each path by what was written for it, on the same file system.

    Args:
        written: the temporary file for each path.
        withdraw: is called when their content is on the disk, and before the first is replaced.

    Raises:
        OSError: one cannot be replaced; those before it are.
    """
    # 1. all content is on the disk  2. no record speaks of the old  3. the names point to the new
    # 4. the names are on the disk
    for path, temporary in written.items():
        _require_replaceable(path)
        _fsync(temporary)
        temporary.chmod(0o666 & ~_umask())  # it was made private
    withdraw()
    for path, temporary in written.items():
        temporary.replace(path)
    for directory in {path.parent for path in written}:
        _fsync(directory)


def not_written(path: Path, error: OSError) -> UnfinishedError:
    """Return what the system could not do as the path's error, with the way out."""
    hint = None
    if error.errno in _FULL:
        hint = "free some space; what was there before is whole"
    elif error.errno in _READ_ONLY:
        hint = "may this user write there? Or name another place"
    return UnfinishedError(str(path), f"cannot be written: {error.strerror or error}", hint=hint)


@contextlib.contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise not_written(path, error) from error


def _make_parent(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)


def _require_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of a directory, a device or a pipe: root could."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "what is there is no regular file")


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
