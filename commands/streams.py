"""Standard streams that cannot end a command: closed, full, or of another encoding.

What a command was asked for is done, and its exit code told, whether or not somebody still reads
what it prints: `python cli.py evaluate | head -1` must not turn a passed verdict into a failure.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO


def in_one_line(name: object) -> str:
    """Return a file's name with what cannot be printed, such as a line break, as an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(name)
    )


class ForgivingStream:
    """Passes everything on to a text stream, until that can no longer be written to.

    Args:
        stream: to write to.
        forgives: the errors that are not raised. After any error what is written goes nowhere.
    """

    def __init__(self, stream: TextIO, forgives: type[OSError]) -> None:
        self._stream = stream
        self._forgives = forgives
        self._is_gone = False

    def write(self, text: str) -> int:
        """Write, or drop, the text."""
        if text != "":  # which libraries try, and do not tell what came of it
            self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or forget, what was written."""
        self._attempt(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, action: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            action()
        except OSError as error:
            self._is_gone = True
            # Python flushes once more when it exits, and what is buffered has to go somewhere.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if not isinstance(error, self._forgives):
                error.filename = "standard output"  # the other one forgives everything
                raise


@contextlib.contextmanager
def forgiving_streams() -> Iterator[None]:
    """Let standard output lose its reader, and standard error anything, while the block runs."""
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    out = before[0] or os.fdopen(1, "w", closefd=False)
    err = before[1] or os.fdopen(2, "w", closefd=False)
    for stream in (out, err):
        if hasattr(stream, "reconfigure"):  # a name that the encoding lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = ForgivingStream(out, BrokenPipeError)
    sys.stderr = ForgivingStream(err, OSError)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = before


def _open_closed_descriptors() -> None:
    """Fill 0, 1 and 2 where they are closed, lest a data file gets one of these numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
