"""One process at a time writes a run or a study, and what a killed one left there is removed.

What is locked is the directory itself (flock): the kernel lets go of it when the process ends,
however it ends, and no file is left behind that a later process could stumble over.
"""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from artifacts.run_directory import RunDirectory
from errors import UnfinishedError
from storage.temporary import remove_leftovers, temporary_file
from storage.writing import not_written, require_replaceable

if sys.platform != "win32":  # which has no flock: there nothing is locked
    import fcntl

log = logging.getLogger("onnxproof")


@contextlib.contextmanager
def locked_run(
    run: RunDirectory, *, create: bool = False, replaces: Sequence[Path] = ()
) -> Iterator[None]:
    """Let this process alone write the run while the block lasts.

    Args:
        run: whose directory is locked; where there is none, there is nothing to lock.
        create: make the directory; what was made goes again if it is empty in the end.
        replaces: the files that the block writes.

    Raises:
        UnfinishedError: as `locked_directory` does.
    """
    with locked_directory(run.root, option="--run", create=create, replaces=replaces):
        remove_leftovers(run.evaluations)
        yield


@contextlib.contextmanager
def locked_directory(
    root: Path, *, option: str, create: bool = False, replaces: Sequence[Path] = ()
) -> Iterator[None]:
    """Let this process alone write a directory, of a run or a study, while the block lasts.

    Args:
        root: what is locked; where there is none, there is nothing to lock.
        option: that would name another one.
        create: make the directory; what was made goes again if it is empty in the end.
        replaces: the files that the block writes.

    Raises:
        UnfinishedError: another process writes it, the directory cannot be written, or something
            that cannot be replaced has the place of a file; which is told before the work whose
            result would have no place.
    """
    require_replaceable(*replaces)
    made = _made(root) if create else []
    if not root.is_dir():
        yield
        return
    with contextlib.ExitStack() as stack:
        if sys.platform != "win32":
            try:
                descriptor = os.open(root, os.O_RDONLY)
            except OSError as error:
                raise not_written(root, error) from error
            stack.callback(os.close, descriptor)  # which unlocks it
            _lock(descriptor, root, option)
        _require_writable(root)
        stack.callback(_remove_empty, made)
        yield


def _made(root: Path) -> list[Path]:
    """Make the directory; return it and those around it that were not there, innermost first."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(root, error) from error
    return missing


def _require_writable(root: Path) -> None:
    try:
        with temporary_file(root):  # which removes what killed processes left there
            pass
    except OSError as error:
        raise not_written(root, error) from error


def _remove_empty(directories: list[Path]) -> None:
    with contextlib.suppress(OSError):  # one is not empty, nor are those around it
        for directory in directories:
            directory.rmdir()


def _lock(descriptor: int, root: Path, option: str) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnfinishedError(
            str(root),
            "another process is writing it",
            hint=f"wait until that one has ended, or name another place with {option}",
        ) from None
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            raise
        log.warning("%s cannot be locked (%s): let nothing else write it", root, error.strerror)
