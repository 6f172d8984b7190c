"""A session within a control group; started by benchmarks.quota.

    python -m benchmarks.quota.contender NAME FOLDER GROUP

It joins the group before anything is imported that counts CPUs. `{"open": true}` loads the file,
`{"batch": BATCH, "seconds": S}` is answered with mean and p99 of the calls that fit.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.answering import Answer, Question, answer_lines
from benchmarks.engines.files import IMAGES


def timed(call: Callable[[Any], Any], given: Any, seconds: float) -> Answer:
    """Return mean and p99 in seconds of the calls that fit, after one that warms up."""
    clock = time.perf_counter
    call(given)
    samples = []
    start = clock()
    while clock() - start < seconds:
        begin = clock()
        call(given)
        samples.append(clock() - begin)
    return {
        "mean_seconds": sum(samples) / len(samples),
        "p99_seconds": sorted(samples)[int(0.99 * (len(samples) - 1))],
    }


def _make() -> tuple[Answer, Callable[[Question], Answer]]:
    name, folder, group = sys.argv[1:]
    (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    import numpy as np

    from artifacts.environment import usable_cpus
    from benchmarks.engines.opened import ENGINES, OURS

    opened: dict[str, Any] = {}

    def answer(question: Question) -> Answer:
        if "open" in question:
            opened["engine"] = ENGINES[name](Path(folder), usable_cpus())
            opened["images"] = np.load(Path(folder) / IMAGES)
            return {}
        batch = np.ascontiguousarray(opened["images"][: question["batch"]])
        return timed(opened["engine"].call, batch, question["seconds"])

    return {"threads": usable_cpus() if name == OURS else "its own choice"}, answer


if __name__ == "__main__":
    answer_lines(_make)
