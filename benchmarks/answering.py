"""The other end of `benchmarks.child`: a process that tells what it is, then answers line by line.

It needs the standard library alone, since it runs in the environments of other projects.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Question = dict[str, Any]
Answer = dict[str, Any]


class Conversation:
    """Questions that come and answers that go, each a line of JSON.

    Standard output is for answers alone: from here on, what libraries print goes to standard error.
    """

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def tell(self, answer: Answer) -> None:
        """Send an answer; the first one are the facts."""
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def question(self) -> Question | None:
        """Wait for the next question and return it; None if there are no more."""
        line = sys.stdin.readline()
        if not line:
            return None
        question: Question = json.loads(line)
        return question


def answer_lines(make: Callable[[], tuple[Answer, Callable[[Question], Answer]]]) -> None:
    """Tell the facts, then answer each question until there are no more.

    Args:
        make: returns the facts and the function that answers; what it imports and prepares happens
            after standard output was put aside.
    """
    conversation = Conversation()
    facts, answer = make()
    conversation.tell(facts)
    while (question := conversation.question()) is not None:
        conversation.tell(answer(question))


def peak_memory_bytes() -> int:
    """Return the most memory that this process had at once (resident), in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, whose ru_maxrss begins with that of the process it was started by
        return 1024 * _kilobytes(status, "VmHWM:")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def own_memory_bytes(process_id: int) -> int | None:
    """Return a process' resident memory, what it shares counted in proportion; None if unknown."""
    shares = Path(f"/proc/{process_id}/smaps_rollup")
    return 1024 * _kilobytes(shares, "Pss:") if shares.is_file() else None


def _kilobytes(path: Path, name: str) -> int:
    line = next(line for line in path.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])
