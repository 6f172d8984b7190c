"""Temporary files and directories, of which a killed process leaves none for long.

Each is locked (flock) while it is used, and the kernel lets go of the lock when the process ends,
however it ends. So what has our prefix and no lock was left behind, and whoever makes a temporary
file or directory beside it removes it. Where nothing can be locked (Windows, some network file
systems) nothing is removed.
"""

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

TEMPORARY_PREFIX = ".onnxproof-"
LONGEST_SUFFIX = 16  # a name may be long, but not all of it need be in the temporary one


@contextlib.contextmanager
def temporary_file(directory: Path, suffix: str = "") -> Iterator[Path]:
    """Give an empty file for this user alone, which is removed in the end if it was not renamed.

    Raises:
        OSError: the directory cannot be written, or the disk is full.
    """

    def make() -> Path:
        suffix_then = suffix if len(suffix) <= LONGEST_SUFFIX else ""
        descriptor, name = tempfile.mkstemp(suffix_then, TEMPORARY_PREFIX, directory)
        os.close(descriptor)
        return Path(name)

    with _made_and_locked(directory, make) as path:
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_directory(parent: Path | None = None) -> Iterator[Path]:
    """Give a directory for this user alone, which is removed in the end if it was not renamed.

    Args:
        parent: where it is made; None: where the system has temporary files.

    Raises:
        OSError: the parent cannot be written, or the disk is full.
    """
    place = parent or Path(tempfile.gettempdir())

    def make() -> Path:
        return Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=place))

    with _made_and_locked(place, make) as path:
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def remove_leftovers(directory: Path) -> None:
    """Remove what killed processes left in a directory; what a living one uses stays."""
    if sys.platform == "win32":
        return
    for path in directory.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):  # it is gone meanwhile, or in use, or not ours to remove
            kind = path.lstat()
            if kind.st_uid != os.geteuid():
                continue
            if stat.S_ISREG(kind.st_mode):
                with _lock(path):
                    path.unlink()
            elif stat.S_ISDIR(kind.st_mode):
                with _lock(path):
                    shutil.rmtree(path)


@contextlib.contextmanager
def _made_and_locked(directory: Path, make: Callable[[], Path]) -> Iterator[Path]:
    remove_leftovers(directory)
    if sys.platform == "win32":
        yield make()
        return
    with contextlib.ExitStack() as stack:
        path = make()
        # Between the two, another process may take it for a leftover: then a new one is made.
        while not _lock_or_see_it_go(path, stack):
            path = make()
        yield path


def _lock_or_see_it_go(path: Path, stack: contextlib.ExitStack) -> bool:
    """Return whether it is there to stay, locked where that is possible."""
    try:
        stack.enter_context(_lock(path))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # the file system locks nothing, so nobody removes it
        return True
    return True


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock what has this name while the block lasts.

    Raises:
        BlockingIOError: another process has.
        FileNotFoundError: by the time that it was locked it had no longer this name.
        OSError: it cannot be locked.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), path.lstat()):
            raise FileNotFoundError(path)
        yield
    finally:
        os.close(descriptor)
