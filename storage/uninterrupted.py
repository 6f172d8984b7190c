"""A moment that SIGINT and SIGTERM have to wait for."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that comes while the block runs do what it does after the block.

    For a few renames, of which all or none are to be done. SIGKILL does not wait.
    """
    if threading.current_thread() is not threading.main_thread():  # where signals do not arrive
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    earlier = {number: signal.getsignal(number) for number in _STOPS}
    try:
        for number in _STOPS:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for one in came:
            signal.raise_signal(one)
