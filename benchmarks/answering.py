"""The other end of `benchmarks.child`: a process that tells what it is, then answers line by line.

It needs the standard library alone, since it runs in the environments of other projects.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Question = dict[str, Any]
Answer = dict[str, Any]


def answer_lines(make: Callable[[], tuple[Answer, Callable[[Question], Answer]]]) -> None:
    """Tell the facts, then answer each line of JSON on standard input until it ends.

    Standard output is for answers alone; what libraries print there goes to standard error.

    Args:
        make: returns the facts and the function that answers; what it imports and prepares happens
            after standard output was put aside.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    facts, answer = make()
    _tell(answers, facts)
    for line in sys.stdin:
        _tell(answers, answer(json.loads(line)))


def peak_memory_bytes() -> int:
    """Return the most memory that this process had at once (resident), in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _tell(answers: Any, answer: Answer) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
