"""How long a call takes: ONNX Runtime and PyTorch in alternating blocks of one run."""

import gc
import math
import time
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import LatencyRecord, Timing
from artifacts.logits import Images, Logits, LogitsFunction, Tolerance

WARM_UP_RUNS = 5
WARM_UP_SECONDS = 0.2
BLOCK_SECONDS = 0.1
WINDOWS = 6  # the last three of them must agree
STABLE_WITHIN = 1.10
# MLPerf Inference's early-stopping rule (rules, appendix on early stopping): the fewest queries
# from which a percentile can be claimed with 99% confidence.
MIN_SAMPLES_FOR_PERCENTILE = {90: 64, 95: 130, 99: 662}


@dataclass(frozen=True, kw_only=True)
class LatencyOptions:
    """How long to measure each batch size, on each side: both minima must be reached."""

    batch_sizes: tuple[int, ...] = (1, 32)
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
    """One of the two that are timed, with its samples so far."""

    function: LogitsFunction
    images: Images
    expected: Logits
    first_run_ms: float
    samples_ms: list[float] = field(default_factory=list)
    outputs_verified: bool = True

    @property
    def seconds(self) -> float:
        return sum(self.samples_ms) / 1000

    def is_measured(self, options: LatencyOptions) -> bool:
        enough_samples = len(self.samples_ms) >= options.min_samples
        enough = enough_samples and self.seconds >= options.min_seconds
        return enough or self.seconds >= options.limit_seconds


def measured_latency(
    onnx: LogitsFunction,
    pytorch: LogitsFunction | None,
    images: Images,
    *,
    options: LatencyOptions,
    tolerance: Tolerance,
    threads: int,
) -> LatencyRecord:
    """Return the timing of one batch, from numpy array to numpy array on both sides.

    Every shape is warmed up; blocks of the two sides alternate, so that a change of the machine's
    clock or load meets both; a block's first call is not timed, since it pays for waking threads
    that slept while the other side ran. The outputs of the timed calls are compared with untimed
    ones.

    Args:
        onnx: ONNX Runtime's side.
        pytorch: PyTorch's side, or None where PyTorch is not installed.
        images: the batch, uint8 [batch, C, H, W].
        options: how long to measure.
        tolerance: that timed outputs are held to.
        threads: of each side, for the record.
    """
    sides = [_warmed_up(function, images) for function in (onnx, pytorch) if function is not None]
    while not all(side.is_measured(options) for side in sides):
        for side in sides:
            # A side that has enough goes on beside the other, but not for ever.
            if side.seconds < options.limit_seconds:
                _run_block(side, tolerance)
    onnx_timing = _timing(sides[0])
    pytorch_timing = _timing(sides[1]) if pytorch is not None else None
    return LatencyRecord(
        **dict(onnx_timing),
        batch_size=len(images),
        boundary="host",
        outputs_verified=all(side.outputs_verified for side in sides),
        threads=threads,
        pytorch=pytorch_timing,
        speedup=pytorch_timing.p50_ms / onnx_timing.p50_ms if pytorch_timing else None,
    )


def _warmed_up(function: LogitsFunction, images: Images) -> _Side:
    start = time.perf_counter()
    expected = function(images)
    first_run_ms = (time.perf_counter() - start) * 1000
    runs = 1
    while runs < WARM_UP_RUNS or time.perf_counter() - start < WARM_UP_SECONDS:
        function(images)
        runs += 1
    return _Side(function=function, images=images, expected=expected, first_run_ms=first_run_ms)


def _run_block(side: _Side, tolerance: Tolerance) -> None:
    function, images = side.function, side.images
    outputs: list[Logits] = []
    function(images)  # wakes this side's threads
    clock = time.perf_counter_ns
    collects_garbage = gc.isenabled()
    gc.disable()  # as timeit does: a collection belongs to this process, not to the call
    try:
        end = clock() + int(BLOCK_SECONDS * 1e9)
        while not outputs or clock() < end:
            start = clock()
            output = function(images)
            side.samples_ms.append((clock() - start) / 1e6)
            outputs.append(output)
    finally:
        if collects_garbage:
            gc.enable()
    differences = np.abs(np.stack(outputs).astype(np.float64) - side.expected)
    if not (differences <= tolerance.allowed(side.expected)).all():  # also where one is NaN
        side.outputs_verified = False


def _timing(side: _Side) -> Timing:
    samples = np.array(side.samples_ms)
    median = float(np.median(samples))
    mean = float(samples.mean())
    return Timing(
        samples=len(samples),
        seconds=float(samples.sum()) / 1000,
        p50_ms=median,
        p90_ms=_percentile(samples, 90),
        p95_ms=_percentile(samples, 95),
        p99_ms=_percentile(samples, 99),
        mean_ms=mean,
        cv=float(samples.std()) / mean,
        images_per_second=len(side.images) / median * 1000,
        first_run_ms=side.first_run_ms,
        stable=is_stable(side.samples_ms),
    )


def _percentile(samples: NDArray[np.float64], q: int) -> float | None:
    if len(samples) < MIN_SAMPLES_FOR_PERCENTILE[q]:
        return None
    return float(np.percentile(samples, q))


def is_stable(samples_ms: list[float]) -> bool:
    """Return whether the medians of the last three of six windows agree within 10%."""
    if len(samples_ms) < 2 * WINDOWS:
        return False
    windows = np.array_split(np.array(samples_ms), WINDOWS)[-3:]
    medians = [float(np.median(window)) for window in windows]
    return max(medians) <= STABLE_WITHIN * min(medians)
