"""Scenario `server` of MLPerf Inference: queries of one image arrive at random, p99 is bounded.

Arrivals are a Poisson process. Whatever waits is taken together, in the largest power of two that
is there and no larger than the largest batch; so nobody waits for a batch to be filled, and few
shapes need to be warmed up. A query's latency runs from its arrival to its answer.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.latency_records import ServerRecord, ServerTrial
from artifacts.logits import Images, Logits, LogitsFunction, Tolerance
from evaluate.latency import (
    MIN_SAMPLES_FOR_PERCENTILE,
    WARM_UP_RUNS,
    WARM_UP_SECONDS,
    LatencyOptions,
    outputs_agree,
    percentile,
)
from evaluate.statistics import holds_percentile

# MLPerf Inference's bound for image classification (ResNet-50, server, datacenter).
DEFAULT_BOUND_MS = 15.0
PERCENT = 99
SEED = 0
NARROW_ENOUGH = 1.05  # the search ends when the rate is known to 5%
LARGEST_FIRST_GUESS = 0.95  # of the throughput without arrivals: more can never hold
SMALLEST_SHARE = 1 / 1024  # of it: where not even this holds, none does
SPIN_SECONDS = 0.0005  # a sleep may last that much longer than it was asked to
OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Served:
    """What one trial left: a latency for each query, and how many were taken together."""

    latencies_ms: NDArray[np.float64]
    batches: int
    seconds: float
    outputs_verified: bool


class Server:
    """One session behind a queue.

    Args:
        function: from numpy images to numpy logits.
        images: that queries ask for in turn, uint8 images_NCHW.
        largest_batch: that is taken together.
        tolerance: that answers are held to.
    """

    def __init__(
        self, function: LogitsFunction, images: Images, largest_batch: int, tolerance: Tolerance
    ) -> None:
        self._function = function
        self._images = np.array(images)
        self._tolerance = tolerance
        self._sizes = [1 << power for power in range(largest_batch.bit_length())]
        self._expected = np.concatenate(
            [function(self._images[i : i + 1]) for i in range(len(images))]
        )
        self.largest_rate = max(self._throughput(size) for size in self._sizes)

    @property
    def largest_batch(self) -> int:
        """The most queries that are taken together."""
        return self._sizes[-1]

    def _throughput(self, size: int) -> float:
        """Return images a second at this batch size, having warmed it up."""
        batch = self._batch(0, size)
        for _ in range(WARM_UP_RUNS):
            self._function(batch)
        runs, start = 0, time.perf_counter()
        while time.perf_counter() - start < WARM_UP_SECONDS:
            self._function(batch)
            runs += 1
        return size * runs / (time.perf_counter() - start)

    def _batch(self, first: int, size: int) -> Images:
        return self._images[np.arange(first, first + size) % len(self._images)]

    def serve(self, arrivals_seconds: NDArray[np.float64]) -> _Served:
        """Answer queries that arrive at these times, measured from now; ascending."""
        total, done, batches = len(arrivals_seconds), 0, 0
        finished = np.empty(total)
        answers: list[Logits] = []
        start = time.perf_counter()
        while done < total:
            now = time.perf_counter() - start
            waiting = int(np.searchsorted(arrivals_seconds, now, side="right")) - done
            if waiting <= 0:
                _wait_until(start + arrivals_seconds[done])
                continue
            size = 1 << min(waiting, self.largest_batch).bit_length() - 1
            answers.append(self._function(self._batch(done, size)))
            finished[done : done + size] = time.perf_counter() - start
            done, batches = done + size, batches + 1
        expected = self._expected[np.arange(total) % len(self._images)]
        return _Served(
            latencies_ms=(finished - arrivals_seconds) * 1000,
            batches=batches,
            seconds=float(finished[-1]),
            outputs_verified=outputs_agree(np.concatenate(answers), expected, self._tolerance),
        )


def measured_rate(
    server: Server,
    *,
    bound_ms: float,
    options: LatencyOptions,
    threads: int,
    on_step: OnStep,
) -> ServerRecord:
    """Return the largest rate of Poisson arrivals whose p99 is under the bound.

    Found by bisection, on a logarithmic scale, between a rate that holds and one that does not; a
    trial holds where so few queries are over the bound that p99 is under it with 99% confidence.

    Args:
        server: what answers.
        bound_ms: for the 99th percentile.
        options: each trial lasts at least `min_seconds`, and has the samples that p99 needs.
        threads: of the session, for the record.
        on_step: is told how it goes on.
    """
    trials: list[ServerTrial] = []
    verified = True

    def holds(rate: float) -> bool:
        nonlocal verified
        trial, is_verified = _trial(server, rate, bound_ms, options)
        trials.append(trial)
        verified &= is_verified
        on_step("server, trials", len(trials), len(trials) + 1)
        return trial.holds

    low, high = None, server.largest_rate * LARGEST_FIRST_GUESS
    if holds(high):
        low = high
    rate = high
    while low is None and rate > server.largest_rate * SMALLEST_SHARE:
        rate /= 2
        if holds(rate):
            low = rate
        else:
            high = rate
    while low is not None and high > low * NARROW_ENOUGH:
        middle = math.sqrt(low * high)
        if holds(middle):
            low = middle
        else:
            high = middle
    return ServerRecord(
        bound_ms=bound_ms,
        queries_per_second=low,
        largest_batch=server.largest_batch,
        trials=tuple(trials),
        outputs_verified=verified,
        threads=threads,
        seed=SEED,
    )


def _trial(
    server: Server, rate: float, bound_ms: float, options: LatencyOptions
) -> tuple[ServerTrial, bool]:
    samples = max(options.min_samples, MIN_SAMPLES_FOR_PERCENTILE[PERCENT])
    queries = max(samples, math.ceil(rate * options.min_seconds))
    gaps = np.random.default_rng(SEED).exponential(1 / rate, size=queries)
    served = server.serve(np.cumsum(gaps))
    over = int((served.latencies_ms > bound_ms).sum())
    trial = ServerTrial(
        queries_per_second=rate,
        queries=queries,
        seconds=served.seconds,
        p50_ms=float(np.median(served.latencies_ms)),
        p90_ms=percentile(served.latencies_ms, 90),
        p99_ms=percentile(served.latencies_ms, 99),
        over_bound=over,
        mean_batch=queries / served.batches,
        holds=holds_percentile(over, queries, PERCENT),
    )
    return trial, served.outputs_verified


def _wait_until(moment: float) -> None:
    """Sleep for most of the time and spin for the rest: a sleep alone ends late."""
    left = moment - time.perf_counter()
    if left > SPIN_SECONDS:
        time.sleep(left - SPIN_SECONDS)
    while time.perf_counter() < moment:
        pass
