"""The server on a clock that only its own work and waiting move."""

import itertools

import numpy as np
import pytest

from artifacts.latency_records import ServerRecord
from artifacts.logits import Images, Logits, LogitsFunction, Tolerance
from evaluate import server
from evaluate.gates import server_failures
from evaluate.latency import LatencyOptions
from evaluate.server import Server, measured_rate
from tests.evaluate.onnx_files import images_of, linear

TOLERANCE = Tolerance(name="test", atol=0.01, rtol=0.0)


class Clock:
    """Stands for the time module in evaluate.server: reading it takes a tenth of a microsecond."""

    now = 100.0

    def perf_counter(self) -> float:
        self.now += 1e-7
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def side(self, call_ms: float, image_ms: float = 0.0) -> LogitsFunction:
        """Return a side whose calls take so long, and so much longer for each image."""

        def logits(images: Images) -> Logits:
            self.now += (call_ms + image_ms * len(images)) / 1000
            return linear(images)

        return logits


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(server, "time", clock)
    monkeypatch.setattr(server, "SPIN_SECONDS", 1e-6)
    return clock


def served_by(function: LogitsFunction, largest_batch: int = 4) -> Server:
    return Server(function, images_of(16), largest_batch, TOLERANCE)


def rate_of(one: Server, bound_ms: float, min_seconds: float = 2.0) -> ServerRecord:
    return measured_rate(
        one,
        bound_ms=bound_ms,
        options=LatencyOptions(min_seconds=min_seconds),
        threads=2,
        on_step=lambda what, done, total: None,
    )


def test_latency_runs_from_arrival_to_answer(clock: Clock) -> None:
    arrivals = np.array([0.0, 0.001, 0.5, 1.0, 1.0, 1.0])
    served = served_by(clock.side(10.0), largest_batch=1).serve(arrivals)
    assert served.latencies_ms == pytest.approx([10, 19, 10, 10, 20, 30], abs=0.01)
    assert (served.batches, served.outputs_verified) == (6, True)


def test_what_waits_is_taken_together_in_powers_of_two(clock: Clock) -> None:
    arrivals = np.concatenate([[0.0], np.full(8, 0.001)])
    one = served_by(clock.side(10.0), largest_batch=6)
    assert one.largest_batch == 4
    served = one.serve(arrivals)
    assert served.batches == 3  # 1, then 4 and 4 of the eight that wait
    assert served.latencies_ms == pytest.approx([10, *[19] * 4, *[29] * 4], abs=0.01)


def md1_rate(bound: float) -> float:
    """The rate, in a thousandth of the service rate, at which 1% wait longer than the bound.

    Found on the queue's own recursion (Lindley 1952), with none of the project's code.
    """
    gaps = np.random.default_rng(7).exponential(size=200_000)

    def share_over(load: float) -> float:
        wait, over = 0.0, 0
        for gap in gaps:
            over += wait + 1 > bound
            wait = max(0.0, wait + 1 - gap / load)
        return over / len(gaps)

    low, high = 0.05, 0.95
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if share_over(middle) < 0.01 else (low, middle)
    return 1000 * low


def test_largest_rate_is_that_of_an_md1_queue(clock: Clock) -> None:
    record = rate_of(served_by(clock.side(1.0), largest_batch=1), bound_ms=3.0, min_seconds=20)
    assert record.queries_per_second is not None
    # 99% sure of it after 20 seconds, and known to 5%: so a little below the truth, not above it.
    assert 0.8 < record.queries_per_second / md1_rate(3.0) <= 1.0
    holding = [trial for trial in record.trials if trial.holds]
    assert all(trial.over_bound < 0.01 * trial.queries for trial in holding)
    assert record.outputs_verified
    assert server_failures(record) == []


def test_rate_grows_with_the_bound_and_with_batches(clock: Clock) -> None:
    rates = [
        rate_of(served_by(clock.side(1.0), largest_batch=size), bound_ms=bound).queries_per_second
        for size, bound in ((1, 3.0), (1, 10.0), (8, 10.0))
    ]
    assert None not in rates
    assert rates == sorted(rates, key=lambda rate: rate or 0)
    assert (rates[2] or 0) > 2 * (rates[1] or 0)


def test_bound_below_the_time_of_a_call_is_held_by_no_rate(clock: Clock) -> None:
    record = rate_of(served_by(clock.side(5.0)), bound_ms=4.0)
    assert record.queries_per_second is None
    assert not any(trial.holds for trial in record.trials)
    (failure,) = server_failures(record)
    assert "queries a second hold p99 under 4 ms" in failure


def test_bound_above_everything_is_held_by_the_first_rate(clock: Clock) -> None:
    record = rate_of(served_by(clock.side(1.0)), bound_ms=1e6)
    assert len(record.trials) == 1
    assert record.queries_per_second == record.trials[0].queries_per_second


def test_each_trial_has_the_samples_that_p99_needs(clock: Clock) -> None:
    record = rate_of(served_by(clock.side(200.0), largest_batch=1), bound_ms=900.0)
    assert all(trial.queries >= 662 and trial.p99_ms is not None for trial in record.trials)


def test_wrong_answer_to_one_query_is_found(clock: Clock) -> None:
    right, numbers = clock.side(1.0), itertools.count()
    broken_from = 10_000

    def once_wrong(images: Images) -> Logits:
        return right(images) + (next(numbers) == broken_from)

    one = served_by(once_wrong, largest_batch=1)
    broken_from = next(numbers) + 30
    record = rate_of(one, bound_ms=50.0)
    assert not record.outputs_verified
    assert server_failures(record)[0].startswith("server: queries were not answered")


def test_real_clock_serves_what_arrives() -> None:
    served = served_by(linear).serve(np.linspace(0, 0.05, 50))
    assert len(served.latencies_ms) == 50
    assert (served.latencies_ms > 0).all()
    assert served.outputs_verified
