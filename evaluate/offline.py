"""Scenario `offline` of MLPerf Inference: all examples are there at once; throughput counts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from artifacts.latency_records import OfflineRecord, Throughput
from artifacts.logits import Images, Logits, LogitsFunction, Tolerance
from evaluate.idle_threads import wait_for_idle_threads
from evaluate.latency import LatencyOptions, outputs_agree
from evaluate.statistics import median_interval, ratio_interval

LEAST_PASSES = 5  # so that there is an interval
OnStep = Callable[[str, int, int], None]


@dataclass(kw_only=True)
class _Side:
    """One of the two, with the seconds of each of its passes so far."""

    function: LogitsFunction
    expected: Logits
    passes_seconds: list[float] = field(default_factory=list)
    outputs_verified: bool = True


def measured_throughput(
    onnx: LogitsFunction,
    pytorch: LogitsFunction | None,
    images: Images,
    *,
    batch_size: int,
    options: LatencyOptions,
    tolerance: Tolerance,
    threads: int,
    on_step: OnStep,
) -> OfflineRecord:
    """Return the images a second of passes over all images in batches of one size.

    Passes of the two sides alternate, after one of each that does not count; every pass' logits are
    compared with that one's.

    Args:
        onnx: ONNX Runtime's side, from numpy images to numpy logits.
        pytorch: PyTorch's side, or None where there is none.
        images: all of the split, uint8 images_NCHW.
        batch_size: the last batch is shorter where it must be.
        options: at least `min_seconds` of each side, and no more than `limit_seconds`.
        tolerance: that timed outputs are held to.
        threads: of each side, for the record.
        on_step: is told how it goes on.
    """
    functions = [function for function in (onnx, pytorch) if function is not None]
    sides = [_Side(function=one, expected=_pass(one, images, batch_size)[1]) for one in functions]
    while not all(_is_measured(side, options) for side in sides):
        for side in sides:
            if len(sides) > 1:
                wait_for_idle_threads()
            seconds, logits = _pass(side.function, images, batch_size)
            side.passes_seconds.append(seconds)
            side.outputs_verified &= outputs_agree(logits, side.expected, tolerance)
        taken = int(sum(sides[0].passes_seconds))
        on_step("offline, seconds", taken, max(taken + 1, int(options.min_seconds)))
    ours = _throughput(sides[0], len(images))
    theirs = _throughput(sides[1], len(images)) if pytorch else None
    return OfflineRecord(
        **dict(ours),
        batch_size=batch_size,
        outputs_verified=all(side.outputs_verified for side in sides),
        threads=threads,
        pytorch=theirs,
        speedup=ours.images_per_second / theirs.images_per_second if theirs else None,
        speedup_ci95=ratio_interval(_blocks(sides[1]), _blocks(sides[0])) if theirs else None,
    )


def _pass(function: LogitsFunction, images: Images, batch_size: int) -> tuple[float, Logits]:
    starts = range(0, len(images), batch_size)
    start = time.perf_counter()
    parts = [function(images[first : first + batch_size]) for first in starts]
    seconds = time.perf_counter() - start
    return seconds, np.concatenate(parts)


def _is_measured(side: _Side, options: LatencyOptions) -> bool:
    seconds = sum(side.passes_seconds)
    if seconds >= options.limit_seconds:
        return True
    return len(side.passes_seconds) >= LEAST_PASSES and seconds >= options.min_seconds


def _throughput(side: _Side, examples: int) -> Throughput:
    interval = median_interval(_blocks(side))
    return Throughput(
        passes=len(side.passes_seconds),
        images=examples * len(side.passes_seconds),
        seconds=sum(side.passes_seconds),
        images_per_second=examples / float(np.median(side.passes_seconds)),
        ci95=(examples / interval[1], examples / interval[0]) if interval else None,
    )


def _blocks(side: _Side) -> list[list[float]]:
    return [[seconds] for seconds in side.passes_seconds]
