"""Epochs that wait to be asked for, and are told with what came of them.

It needs the standard library alone, since it runs in the environments of other projects.
"""

import sys
import time
from collections.abc import Callable

from benchmarks.answering import Answer, Conversation, peak_memory_bytes


class Turns:
    """The turns of one contender: it begins an epoch when it is asked, and tells its end.

    In two parts, because a `fit` keeps its loop to itself and calls back at both ends of an epoch.
    """

    def __init__(self, conversation: Conversation, found: Callable[[], Answer]) -> None:
        """Prepare.

        Args:
            conversation: whose questions are epochs.
            found: returns what is to be known of an epoch beside its seconds; after the clock has
                stopped.
        """
        self._conversation = conversation
        self._found = found
        self._start = 0.0

    def begin(self) -> None:
        """Wait for the question, and start the clock; end the process if there are no more."""
        if self._conversation.question() is None:
            sys.exit()
        self._start = time.perf_counter()

    def end(self) -> None:
        """Stop the clock and answer."""
        seconds = time.perf_counter() - self._start
        own: Answer = {"seconds": seconds, "peak_memory_bytes": peak_memory_bytes()}
        self._conversation.tell(own | self._found())
