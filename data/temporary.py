"""Directories beside the place of what is written in them; what killed processes left is removed.

Each is locked (flock) while it is used, so that a process that was killed, however, leaves one that
is not. One that was just made is not locked yet, hence the age.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":  # which has no flock: there nothing is removed
    import fcntl

LEAST_AGE_SECONDS = 600.0


@contextlib.contextmanager
def temporary_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a new directory, which is removed in the end if it was not renamed.

    Args:
        parent: where it is made.
        prefix: of its name, and of those that are removed if nobody uses them.
    """
    with contextlib.ExitStack() as stack:
        if sys.platform != "win32":
            for path in parent.glob(f"{prefix}*"):
                _remove_if_left(path)
        made = tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)
        path = Path(stack.enter_context(made))
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # some file systems lock nothing
                stack.enter_context(_lock(path))
        yield path


def _remove_if_left(path: Path) -> None:
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # it is gone meanwhile, or used
        if time.time() - path.stat().st_mtime > LEAST_AGE_SECONDS:
            with _lock(path):
                shutil.rmtree(path)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock a directory while the block lasts, or raise OSError where another process has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
