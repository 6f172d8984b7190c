"""One engine in a process of its own; started by benchmarks.engines.

    python -m benchmarks.engines.contender engine|setting NAME FOLDER THREADS

Answers `{"warm": BATCH}` with the seconds of the first call, `{"parity": BATCH}` with how far its
logits are from PyTorch's, `{"batch": BATCH, "seconds": S}` with the median of the calls that fit.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.answering import Answer, Question, answer_lines
from benchmarks.engines.files import IMAGES, LOGITS
from benchmarks.engines.opened import ENGINES, Call, Engine
from evaluate.idle_threads import wait_for_idle_threads

WARM_SECONDS = 0.02  # before each timing: other processes had the caches meanwhile


def timed(call: Call, given: Any, seconds: float) -> Answer:
    """Return the median seconds of the calls that fit, one at least."""
    clock = time.perf_counter

    def once() -> float:
        start = clock()
        call(given)
        return clock() - start

    warm, first = clock() + WARM_SECONDS, once()
    if first > seconds:  # it warms up within itself
        samples = [first]
    else:
        while clock() < warm:
            call(given)
        end, samples = clock() + seconds, [once()]
        while clock() < end:
            samples.append(once())
    wait_for_idle_threads()  # they would take CPUs from the next contender
    return {"median_seconds": statistics.median(samples), "samples": len(samples)}


def parity(engine: Engine, images: Any, logits: Any, batch: int) -> Answer:
    """Return the largest difference of a logit from PyTorch's, and how many classes differ."""
    import numpy as np

    parts = [images[start : start + batch] for start in range(0, len(images), batch)]
    ours = np.concatenate([np.array(engine.call(engine.prepare(part))) for part in parts])
    return {
        "images": len(ours),
        "max_abs": float(np.abs(ours - logits).max()),
        "flips": int((ours.argmax(axis=1) != logits.argmax(axis=1)).sum()),
    }


def _make() -> tuple[Answer, Callable[[Question], Answer]]:
    import numpy as np

    kind, name, folder, threads = sys.argv[1:]
    start = time.perf_counter()
    if kind == "engine":
        engine = ENGINES[name](Path(folder), int(threads))
    else:
        from benchmarks.engines.settings import opened_setting

        engine = opened_setting(name, Path(folder), int(threads))
    facts = engine.facts | {"open_seconds": round(time.perf_counter() - start, 3)}
    images, logits = np.load(Path(folder) / IMAGES), np.load(Path(folder) / LOGITS)
    batches: dict[int, Any] = {}

    def answer(question: Question) -> Answer:
        if "parity" in question:
            return parity(engine, images, logits, question["parity"])
        batch = question.get("warm") or question["batch"]
        if batch not in batches:
            batches[batch] = engine.prepare(np.ascontiguousarray(images[:batch]))
        given = batches[batch]
        if "batch" in question:
            return timed(engine.call, given, question["seconds"])
        begin = time.perf_counter()
        engine.call(given)
        return {"first_seconds": round(time.perf_counter() - begin, 3)}

    return facts, answer


if __name__ == "__main__":
    answer_lines(_make)
