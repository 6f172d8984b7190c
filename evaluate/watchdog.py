"""A thread that ends runs which last longer than they may; the others only note when they began.

ONNX Runtime looks at `RunOptions.terminate` between nodes, and before each turn of a loop. A single
node that computes for hours never looks: only the end of the process ends it.
"""

import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol

# For a run that was told to end to notice it: longer than any node of a large network takes.
GRACE_SECONDS = 60.0


class Endable(Protocol):
    """What can be told to end: ONNX Runtime's RunOptions."""

    terminate: bool


class Watch:
    """What is known of one session's runs, of which one goes on at a time.

    Attributes:
        name: of the session's file.
        seconds: that a run may last.
        running: when it began, by the monotonic clock, and its options, which are no other run's;
            None while nothing runs.
    """

    __slots__ = ("__weakref__", "name", "running", "seconds")

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self.running: tuple[float, Endable] | None = None


class Watchdog:
    """Looks after the runs of all sessions of this process.

    Attributes:
        on_stuck: is called, by the thread that watches, with the name of a session whose run goes
            on for `grace_seconds` after it was told to end; None: it is waited for.
        grace_seconds: see there.
    """

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self.on_stuck: Callable[[str], None] | None = None
        self.grace_seconds = grace_seconds
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._has_changed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, name: str, seconds: float) -> Watch:
        """Return the watch of a session whose runs are ended after so many seconds."""
        watch = Watch(name, seconds)
        with self._lock:
            self._watches.add(watch)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
                self._thread.start()
        self._has_changed.set()
        return watch

    def limit(self, watch: Watch, seconds: float) -> None:
        """End later runs of a session after so many seconds."""
        watch.seconds = seconds
        self._has_changed.set()

    def _look(self) -> None:
        # It sleeps as long as the shortest of all runs may last: what begins meanwhile is not over
        # when it wakes. So no run has to wake it.
        while True:
            self._has_changed.clear()
            with self._lock:
                watches = list(self._watches)
            sleep_seconds = [self._seconds_left(watch) for watch in watches]
            del watches  # it must not be what keeps them alive
            self._has_changed.wait(min(sleep_seconds, default=None))

    def _seconds_left(self, watch: Watch) -> float:
        """Return after how long to look at a session again, having ended what lasted too long."""
        running = watch.running
        if running is None:
            return watch.seconds
        began, options = running
        left = began + watch.seconds - time.monotonic()
        if left > 0:
            return left
        options.terminate = True
        if left <= -self.grace_seconds and self.on_stuck is not None:
            self.on_stuck(watch.name)
        return min(watch.seconds, self.grace_seconds)  # the next run may have begun by then


WATCHDOG = Watchdog()  # of this process
