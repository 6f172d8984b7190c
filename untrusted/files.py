"""Files that somebody else may have made: regular ones, of a size that was thought of.

A named pipe has no end to wait for, a device may have none at all, and a file of a terabyte takes
all memory. So what is read is opened here, and looked at before a byte of it is read.
"""

import io
import os
import stat
from pathlib import Path

from errors import ArtifactError

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Opening a pipe would wait for somebody to write into it; a terminal would become ours.
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_BINARY = getattr(os, "O_BINARY", 0)  # Windows only


def is_there(path: Path) -> bool:
    """Return whether anything has this name: a file, a pipe, or a link that leads nowhere.

    What is there and cannot be read must be told by its name, not taken for missing.
    """
    return os.path.lexists(path)


def opened_file(
    path: Path, *, most_bytes: int | None = None, error: type[ArtifactError] = ArtifactError
) -> io.BufferedReader:
    """Return a regular file, opened to read bytes.

    Args:
        path: of the file, or of a link to it.
        most_bytes: that it may have.
        error: what to raise.

    Raises:
        ArtifactError: it is missing, cannot be read, is too large, or is no regular file. Nothing
            of it was read then.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NEVER_WAIT | _BINARY)
    except (OSError, ValueError) as failure:  # ValueError: a null character in the name
        raise error(str(path), _problem(path, failure)) from failure
    try:
        _require(path, os.fstat(descriptor), most_bytes, error)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def require_file(
    path: Path, *, most_bytes: int | None = None, error: type[ArtifactError] = ArtifactError
) -> int:
    """Return the bytes of a regular file that a library will open by its name.

    Args:
        path: of the file, or of a link to it.
        most_bytes: that it may have.
        error: what to raise.

    Raises:
        ArtifactError: it is missing, cannot be read, is too large, or is no regular file.
    """
    with opened_file(path, most_bytes=most_bytes, error=error) as file:
        return os.fstat(file.fileno()).st_size


def content_of_file(
    path: Path, *, most_bytes: int, error: type[ArtifactError] = ArtifactError
) -> bytes:
    """Return all bytes of a regular file.

    Args:
        path: of the file, or of a link to it.
        most_bytes: that it may have.
        error: what to raise.

    Raises:
        ArtifactError: it is missing, cannot be read, is too large, or is no regular file.
    """
    with opened_file(path, most_bytes=most_bytes, error=error) as file:
        try:
            content = file.read(most_bytes + 1)  # it may have grown meanwhile
        except OSError as failure:
            raise error(str(path), f"cannot be read: {failure.strerror}") from failure
    if len(content) > most_bytes:
        raise error(str(path), _too_large(len(content), most_bytes))
    return content


def paths_in_directory(directory: Path, suffix: str) -> list[Path]:
    """Return the paths in a directory whose names end so, sorted; none where nothing is there.

    Raises:
        ArtifactError: something else has its name, or it cannot be read.
    """
    if not is_there(directory):
        return []
    try:
        return sorted(path for path in directory.iterdir() if path.suffix == suffix)
    except NotADirectoryError as failure:
        kind = _kind(directory.stat())
        raise ArtifactError(str(directory), f"is {kind}: wanted a directory") from failure
    except OSError as failure:
        raise ArtifactError(str(directory), f"cannot be read: {failure.strerror}") from failure


def _require(
    path: Path, status: os.stat_result, most_bytes: int | None, error: type[ArtifactError]
) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise error(str(path), f"is {_kind(status)}: wanted a regular file")
    if most_bytes is not None and status.st_size > most_bytes:
        raise error(str(path), _too_large(status.st_size, most_bytes))


def _kind(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "something else")


def _too_large(found: int, most_bytes: int) -> str:
    return f"is too large: wanted at most {most_bytes:,} bytes, found {found:,}"


def _problem(path: Path, failure: Exception) -> str:
    if isinstance(failure, FileNotFoundError):
        return "no such file"
    if isinstance(failure, OSError) and path.is_socket():  # which cannot be opened at all
        return "is a socket: wanted a regular file"
    reason = failure.strerror if isinstance(failure, OSError) else failure
    return f"cannot be read: {reason}"
