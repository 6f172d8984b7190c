"""What a network's own code raises, told by the line where it happened."""

import contextlib
import linecache
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch

from errors import OnnxproofError, UsageError
from models.names import LIBRARIES

_PROJECT = Path(__file__).resolve().parent.parent
_ROOMS = tuple(package.parent for package in _PROJECT.glob("*/__init__.py"))
_PYTHON = Path(sysconfig.get_path("stdlib")).resolve()


@contextlib.contextmanager
def told_as(subject: str, *, hint: str | None = None) -> Iterator[None]:
    """Run the block; tell what it raises in one line, with the line of the network's code.

    Raises:
        UsageError: the block raised. Running out of memory, and our own errors, pass through.
    """
    try:
        yield
    except (OnnxproofError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UsageError(subject, described(error), hint=hint) from error


def described(error: BaseException) -> str:
    """Return an exception as `Type: message at FILE:LINE in FUNCTION (source)`."""
    said = " ".join(str(error).split())
    place = place_of(error)
    return f"{type(error).__name__}: {said or 'no message'}" + (f" at {place}" if place else "")


def place_of(error: BaseException) -> str | None:
    """Return the innermost line of the traceback that is the network's own."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_network_code(frame.filename):
            source = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name} ({source})"
    return None


def is_network_code(filename: str) -> bool:
    """Return whether a source file is a network's: of a library of networks, or the user's own.

    That is, neither Python's, nor of another installed package, nor ours.
    """
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1] in LIBRARIES
    return not path.is_relative_to(_PYTHON) and not any(path.is_relative_to(r) for r in _ROOMS)
