"""How long a call takes: ONNX Runtime and PyTorch in alternating blocks of one run."""

import gc
import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.latency_records import Boundary, LatencyRecord, Timing
from artifacts.logits import Logits, Tolerance
from evaluate.idle_threads import wait_for_idle_threads
from evaluate.statistics import median_interval, ratio_interval
from evaluate.timed_call import TimedCall

WARM_UP_RUNS = 5
WARM_UP_SECONDS = 0.2
BLOCK_SECONDS = 0.1
WAKING_SECONDS = 0.005  # of a block, before its samples
WINDOWS = 6  # the last three of them must agree
STABLE_WITHIN = 1.10
# MLPerf Inference's early-stopping rule (rules, appendix on early stopping): the fewest queries
# from which a percentile can be claimed with 99% confidence.
MIN_SAMPLES_FOR_PERCENTILE = {90: 64, 95: 130, 99: 662}


@dataclass(frozen=True, kw_only=True)
class LatencyOptions:
    """How long to measure each batch size, on each side: both minima must be reached."""

    batch_sizes: tuple[int, ...] | None = None  # None: the usual ones, or the graph's own
    min_samples: int = 64
    min_seconds: float = 1.0
    max_seconds: float = 20.0  # ends the wait for samples where one call takes very long

    @property
    def limit_seconds(self) -> float:
        """Where the wait for samples ends: not before the least time that was asked for."""
        return max(self.max_seconds, self.min_seconds)

    def with_samples(self, samples: int) -> "LatencyOptions":
        """Return the same with so many samples, however long they take."""
        return replace(self, min_samples=samples, max_seconds=math.inf)


@dataclass(kw_only=True)
class _Side:
    """One of those that are timed, with its samples so far, those of a block together."""

    timed: TimedCall
    expected: Logits
    first_run_ms: float
    blocks_ms: list[list[float]] = field(default_factory=list)
    outputs_verified: bool = True

    @property
    def samples(self) -> int:
        return sum(len(block) for block in self.blocks_ms)

    @property
    def seconds(self) -> float:
        return sum(sum(block) for block in self.blocks_ms) / 1000

    @property
    def all_ms(self) -> NDArray[np.float64]:
        return np.concatenate([np.array(block) for block in self.blocks_ms])

    def is_measured(self, options: LatencyOptions) -> bool:
        enough = self.samples >= options.min_samples and self.seconds >= options.min_seconds
        return enough or self.seconds >= options.limit_seconds


def measured_latency(
    onnx: TimedCall,
    pytorch: TimedCall | None,
    float32: TimedCall | None = None,
    *,
    batch_size: int,
    boundary: Boundary,
    options: LatencyOptions,
    tolerance: Tolerance,
    threads: int,
    cuda_graph: bool = False,
) -> LatencyRecord:
    """Return the timing of one batch, bracketed at the same boundary on all sides.

    Every shape is warmed up; blocks of the sides alternate, so that a change of the machine's
    clock or load meets all; a block begins when the other sides' threads are asleep, and its first
    calls are not timed, since they pay for waking its own. The outputs of the timed calls are
    compared with untimed ones; where all calls leave them in one place, that of each block's last
    call, after the place was overwritten.

    Args:
        onnx: ONNX Runtime's side.
        pytorch: PyTorch's side, or None where there is none.
        float32: of a reduced precision, the side of the float32 graph, where there is one.
        batch_size: of what all run.
        boundary: what the clock brackets, for the record.
        options: how long to measure.
        tolerance: that timed outputs are held to.
        threads: of each side, for the record.
        cuda_graph: whether they replay a captured graph, for the record.
    """
    ours = _warmed_up(onnx)
    theirs = None if pytorch is None else _warmed_up(pytorch)
    whole = None if float32 is None else _warmed_up(float32)
    sides = [side for side in (ours, theirs, whole) if side is not None]
    while not all(side.is_measured(options) for side in sides):
        for side in sides:
            # A side that has enough goes on beside the others, but not for ever.
            if side.seconds < options.limit_seconds:
                if len(sides) > 1:
                    wait_for_idle_threads()
                _run_block(side, tolerance)
    return LatencyRecord(
        **dict(_timing(ours, batch_size)),
        batch_size=batch_size,
        boundary=boundary,
        outputs_verified=all(side.outputs_verified for side in sides),
        threads=threads,
        cuda_graph=cuda_graph,
        pytorch=theirs and _timing(theirs, batch_size),
        speedup=theirs and _speedup(theirs, ours),
        speedup_ci95=theirs and ratio_interval(theirs.blocks_ms, ours.blocks_ms),
        float32=whole and _timing(whole, batch_size),
        float32_speedup=whole and _speedup(whole, ours),
        float32_speedup_ci95=whole and ratio_interval(whole.blocks_ms, ours.blocks_ms),
    )


def _warmed_up(timed: TimedCall) -> _Side:
    """Return a side that has run often enough to be at its usual speed."""
    start = time.perf_counter()
    expected = timed.logits(timed.call())
    first_run_ms = (time.perf_counter() - start) * 1000
    expected = expected.copy()
    runs = 1
    while runs < WARM_UP_RUNS or time.perf_counter() - start < WARM_UP_SECONDS:
        timed.call()
        runs += 1
    return _Side(timed=timed, expected=expected, first_run_ms=first_run_ms)


def _run_block(side: _Side, tolerance: Tolerance) -> None:
    call, forget = side.timed.call, side.timed.forget
    returned: list[Any] = []
    samples_ms: list[float] = []
    if forget:
        forget()
    clock = time.perf_counter_ns
    awake = clock() + int(WAKING_SECONDS * 1e9)
    call()
    while clock() < awake:
        call()
    collects_garbage = gc.isenabled()
    gc.disable()  # as timeit does: a collection belongs to this process, not to the call
    try:
        end = clock() + int(BLOCK_SECONDS * 1e9)
        while not returned or clock() < end:
            start = clock()
            result = call()
            samples_ms.append((clock() - start) / 1e6)
            returned.append(result)
    finally:
        if collects_garbage:
            gc.enable()
    side.blocks_ms.append(samples_ms)
    outputs = np.stack([side.timed.logits(one) for one in (returned[-1:] if forget else returned)])
    if not outputs_agree(outputs, side.expected, tolerance):
        side.outputs_verified = False


def outputs_agree(outputs: Logits, expected: Logits, tolerance: Tolerance) -> bool:
    """Return whether every output is within the tolerance of what was expected."""
    differences = np.abs(outputs.astype(np.float64) - expected)
    return bool((differences <= tolerance.allowed(expected)).all())  # no, where one is NaN


def _speedup(other: _Side, ours: _Side) -> float:
    return float(np.median(other.all_ms) / np.median(ours.all_ms))


def _timing(side: _Side, batch_size: int) -> Timing:
    samples = side.all_ms
    median = float(np.median(samples))
    mean = float(samples.mean())
    return Timing(
        samples=len(samples),
        seconds=float(samples.sum()) / 1000,
        p50_ms=median,
        p50_ci95_ms=median_interval(side.blocks_ms),
        p90_ms=percentile(samples, 90),
        p95_ms=percentile(samples, 95),
        p99_ms=percentile(samples, 99),
        mean_ms=mean,
        cv=float(samples.std()) / mean,
        images_per_second=batch_size / median * 1000,
        first_run_ms=side.first_run_ms,
        stable=is_stable(samples),
    )


def percentile(samples: NDArray[np.float64], q: int) -> float | None:
    """Return a percentile where there are samples enough to claim it, else None."""
    if len(samples) < MIN_SAMPLES_FOR_PERCENTILE[q]:
        return None
    return float(np.percentile(samples, q))


def is_stable(samples_ms: NDArray[np.float64]) -> bool:
    """Return whether the medians of the last three of six windows agree within 10%."""
    if len(samples_ms) < 2 * WINDOWS:
        return False
    medians = [float(np.median(window)) for window in np.array_split(samples_ms, WINDOWS)[-3:]]
    return max(medians) <= STABLE_WITHIN * min(medians)
