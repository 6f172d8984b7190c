"""The one writer: a file is replaced as a whole, and is on the disk then.

A unique temporary name in the same directory, flush, fsync, rename, fsync of the directory: a
reader, or a process that starts after a crash, sees the old file or the new one, never a part.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from errors import UnfinishedError
from storage.temporary import temporary_directory, temporary_file
from storage.uninterrupted import uninterrupted

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
    require_replaceable(path)
    with _telling_of(path):
        _make_parent(path)
        with temporary_file(path.parent, path.suffix) as temporary:
            yield temporary
            put_in_place(path, temporary)


@contextlib.contextmanager
def replacing_together(
    *paths: Path, record: Path, withdraw: Callable[[], None] | None = None
) -> Iterator[Path]:
    """Give a temporary directory for files of these names and the record that speaks of them.

    On leaving, they take their places. A path that was not written is removed. A process that is
    killed then leaves a record of the old files, of the new ones, or none. When the body raises, or
    the disk is full, the directory is removed and all stay as they were.

    Args:
        paths: of one directory.
        record: of the same directory; it must be written.
        withdraw: takes back what the old record says of the files; None: the whole record.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full; or what has one of
            the names is no file, such as a device.
    """
    require_replaceable(*paths, record)
    with _telling_of(record):
        _make_parent(record)
        with temporary_directory(record.parent) as directory:
            yield directory
            written = {path: directory / path.name for path in paths}
            present = {path: new for path, new in written.items() if new.exists()}
            # 1. all content is on the disk  2. no record speaks of the old files  3. the new ones
            # have their places, and that is on the disk  4. the record has
            for path, new in (*present.items(), (record, directory / record.name)):
                _make_durable(path, new)
            with uninterrupted():
                (withdraw or partial(record.unlink, missing_ok=True))()
                for path in written.keys() - present.keys():
                    path.unlink(missing_ok=True)
                _rename(present)
                _rename({record: directory / record.name})


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


def put_in_place(path: Path, written: Path) -> None:
    """Replace the path by what was written for it, on the same file system.

    Raises:
        OSError: it cannot be replaced, and is as it was.
    """
    # 1. the content is on the disk  2. the name points to it  3. the name is on the disk
    _make_durable(path, written)
    _rename({path: written})


def require_replaceable(*paths: Path) -> None:
    """Return if a file may be put in the place of each: nothing is there, or a regular file.

    Of a directory, a device or a pipe only root could make a file, and should not. It is required
    again when the files take their places: whoever works for hours asks before that too.

    Raises:
        UnfinishedError: one may not.
    """
    for path in paths:
        with _telling_of(path), contextlib.suppress(FileNotFoundError):
            if os.path.lexists(path.parent) and not path.parent.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not stat.S_ISREG(path.stat().st_mode):
                raise OSError(errno.EINVAL, "what is there is no regular file")


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


def _make_durable(path: Path, written: Path) -> None:
    require_replaceable(path)
    _fsync(written)
    written.chmod(0o666 & ~_umask())  # it was made private


def _rename(written: Mapping[Path, Path]) -> None:
    for path, new in written.items():
        new.replace(path)
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
