"""What a network's own code raises, told by the line where it happened."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from errors import OnnxproofError, UnfinishedError, UsageError
from models.places import place_of_traceback


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


@contextlib.contextmanager
def told_by_line(name: str) -> Iterator[None]:
    """Run the block; tell what the network's own code raises in it, and let all else pass.

    Raises:
        UnfinishedError: the network's code raised, or what it called.
    """
    try:
        yield
    except (OnnxproofError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        if place_of_traceback(error) is None:
            raise
        raise UnfinishedError(name, described(error)) from error


def described(error: BaseException) -> str:
    """Return an exception as `Type: message at FILE:LINE in FUNCTION (`source`)`."""
    said = " ".join(str(error).split()) or "no message"
    if isinstance(error, SyntaxError) and error.filename:
        place = f" at {Path(error.filename).name}:{error.lineno}"
    else:
        found = place_of_traceback(error)
        place = f" {found}" if found else ""
    return f"{type(error).__name__}: {said}{place}"
