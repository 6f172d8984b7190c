"""Filters of warnings for a block that several threads may be in at once.

`warnings.catch_warnings` is not made for that: whoever leaves first restores the filters under the
others, and whoever leaves last may restore those of the first for good.
"""

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator


class SharedFilters:
    """Sets filters when the first thread enters, and restores the old ones when the last leaves.

    Args:
        set_filters: calls what sets them.
    """

    def __init__(self, set_filters: Callable[[], None]) -> None:
        self._set_filters = set_filters
        self._lock = threading.Lock()
        self._inside = 0
        self._restore = contextlib.ExitStack()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Run the block under the filters."""
        with self._lock:
            if self._inside == 0:
                self._restore.enter_context(warnings.catch_warnings())
                self._set_filters()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._restore.close()
