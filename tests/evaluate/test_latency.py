"""Latency on a clock that only the timed calls move: no test here depends on the machine."""

import gc
import itertools
import statistics
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from artifacts.latency_records import LatencyRecord
from artifacts.logits import Images, Logits, LogitsFunction, Tolerance
from evaluate import latency
from evaluate.latency import LatencyOptions, is_stable, measured_latency
from evaluate.timed_call import host_call

IMAGES = np.zeros((4, 1, 2, 2), dtype=np.uint8)
RIGHT = np.arange(12, dtype=np.float32).reshape(4, 3)
TOLERANCE = Tolerance(name="test", atol=0.01, rtol=0.0)
ONE_BLOCK = LatencyOptions(min_samples=1, min_seconds=0.0, max_seconds=1e9)


class Clock:
    """Stands for the time module in evaluate.latency."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000

    def perf_counter(self) -> float:
        return self.now_ns / 1e9

    def perf_counter_ns(self) -> int:
        return self.now_ns

    def function(
        self,
        durations_ms: Iterable[float],
        *,
        name: str = "",
        calls: list[str] | None = None,
        answer: Callable[[int], Logits] = lambda call: RIGHT,
    ) -> LogitsFunction:
        """Return a side whose calls take so long, one after the other, and give `answer(call)`."""
        durations = iter(durations_ms)
        numbers = itertools.count()

        def logits(images: Images) -> Logits:
            self.now_ns += round(next(durations) * 1e6)
            if calls is not None:
                calls.append(name)
            return answer(next(numbers))

        return logits


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(latency, "time", clock)
    monkeypatch.setattr(latency, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(latency, "WAKING_SECONDS", 0.0)
    monkeypatch.setattr(latency, "wait_for_idle_threads", lambda: None)
    return clock


@pytest.fixture
def one_sample_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "BLOCK_SECONDS", 0.0)


def measured(
    onnx: LogitsFunction, pytorch: LogitsFunction | None = None, options: LatencyOptions = ONE_BLOCK
) -> LatencyRecord:
    return measured_latency(
        host_call(onnx, IMAGES),
        host_call(pytorch, IMAGES) if pytorch else None,
        batch_size=len(IMAGES),
        boundary="host",
        options=options,
        tolerance=TOLERANCE,
        threads=2,
    )


@pytest.mark.usefixtures("one_sample_blocks")
def test_timing_is_computed_from_the_timed_calls_alone(clock: Clock) -> None:
    samples = [3.0, 1.0, 2.0, 10.0, 4.0, 5.0]
    warm_up = [500.0, 80.0, 80.0, 80.0, 80.0]
    untimed_then_timed = itertools.chain.from_iterable((70.0, sample) for sample in samples)
    options = LatencyOptions(min_samples=len(samples), min_seconds=0.0)
    record = measured(clock.function([*warm_up, *untimed_then_timed]), options=options)
    assert (record.samples, record.batch_size, record.boundary) == (6, 4, "host")
    assert record.seconds == pytest.approx(sum(samples) / 1000)
    assert record.p50_ms == statistics.median(samples)
    assert record.mean_ms == pytest.approx(statistics.mean(samples))
    assert record.cv == pytest.approx(statistics.pstdev(samples) / statistics.mean(samples))
    assert record.images_per_second == pytest.approx(4 / (statistics.median(samples) / 1000))
    assert record.first_run_ms == 500
    assert record.outputs_verified


@pytest.mark.usefixtures("one_sample_blocks")
@pytest.mark.parametrize(
    ("samples", "given"),
    [
        (63, []),
        (64, [90]),
        (129, [90]),
        (130, [90, 95]),
        (661, [90, 95]),
        (662, [90, 95, 99]),
    ],
)
def test_percentile_is_given_only_where_there_are_samples_enough(
    clock: Clock, samples: int, given: list[int]
) -> None:
    durations = np.random.default_rng(0).uniform(1, 9, size=samples).round(6)
    calls = itertools.chain([1.0] * 5, *((1.0, sample) for sample in durations.tolist()))
    options = LatencyOptions(min_samples=samples, min_seconds=0.0)
    record = measured(clock.function(calls), options=options)
    found = {90: record.p90_ms, 95: record.p95_ms, 99: record.p99_ms}
    for percent, value in found.items():
        wanted = np.percentile(durations, percent) if percent in given else None
        assert value == (None if wanted is None else pytest.approx(wanted))


def test_blocks_of_the_two_sides_alternate(clock: Clock) -> None:
    calls: list[str] = []
    onnx = clock.function(itertools.repeat(30.0), name="onnx", calls=calls)
    pytorch = clock.function(itertools.repeat(60.0), name="pytorch", calls=calls)
    record = measured(onnx, pytorch, LatencyOptions(min_samples=8, min_seconds=0.0))
    groups = [(name, len(list(group))) for name, group in itertools.groupby(calls)]
    warm_up, blocks = groups[:2], groups[2:]
    assert warm_up == [("onnx", 5), ("pytorch", 5)]
    # In 100 ms fit four calls of 30 ms or two of 60, begun before its end; one more is not timed.
    assert blocks == [("onnx", 5), ("pytorch", 3)] * 4
    assert record.samples == 16
    assert record.pytorch is not None
    assert record.pytorch.samples == 8
    assert record.speedup == 2


def test_first_call_after_the_other_side_is_not_timed(clock: Clock) -> None:
    calls: list[str] = []

    def side(name: str) -> LogitsFunction:
        awake = clock.function(itertools.repeat(10.0), name=name, calls=calls)

        def logits(images: Images) -> Logits:
            clock.now_ns += 0 if calls and calls[-1] == name else 50_000_000
            return awake(images)

        return logits

    options = LatencyOptions(min_samples=40, min_seconds=0.0)
    record = measured(side("onnx"), side("pytorch"), options)
    assert record.pytorch is not None
    for timing in (record, record.pytorch):
        assert (timing.p50_ms, timing.mean_ms, timing.cv) == (10, 10, 0)


def test_measuring_goes_on_for_the_count_and_for_the_time(clock: Clock) -> None:
    by_count = LatencyOptions(min_samples=1000, min_seconds=0.1)
    record = measured(clock.function(itertools.repeat(1.0)), options=by_count)
    assert record.samples >= 1000
    by_time = LatencyOptions(min_samples=10, min_seconds=3.0)
    record = measured(clock.function(itertools.repeat(1.0)), options=by_time)
    assert record.seconds >= 3


def test_measuring_ends_by_max_seconds_when_a_call_takes_long(clock: Clock) -> None:
    options = LatencyOptions(min_samples=64, min_seconds=1.0, max_seconds=20.0)
    record = measured(clock.function(itertools.repeat(8000.0)), options=options)
    assert (record.samples, record.seconds) == (3, 24)
    assert not record.stable


def test_measuring_ends_by_max_seconds_when_only_one_side_takes_long(clock: Clock) -> None:
    onnx = clock.function(itertools.repeat(60.0))
    pytorch = clock.function(itertools.repeat(8000.0))
    options = LatencyOptions(min_samples=64, min_seconds=1.0, max_seconds=20.0)
    record = measured(onnx, pytorch, options)
    assert record.pytorch is not None
    assert record.pytorch.seconds <= 20 + 8


def test_measuring_goes_on_beyond_max_seconds_when_more_is_asked_for(clock: Clock) -> None:
    options = LatencyOptions(min_samples=64, min_seconds=30.0, max_seconds=20.0)
    assert measured(clock.function(itertools.repeat(8000.0)), options=options).seconds == 32
    options = LatencyOptions(min_seconds=1.0, max_seconds=20.0).with_samples(10)
    record = measured(clock.function(itertools.repeat(8000.0)), options=options)
    assert (record.samples, record.seconds) == (10, 80)


def test_speedup_is_none_when_there_is_no_pytorch(clock: Clock) -> None:
    record = measured(clock.function(itertools.repeat(1.0)))
    assert record.pytorch is None
    assert record.speedup is None


def test_every_side_is_warmed_up_for_the_time_and_the_count(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "WARM_UP_SECONDS", 0.2)
    for call_ms, wanted in ((1000.0, 5), (10.0, 20)):
        calls: list[str] = []
        other = clock.function(itertools.repeat(1.0), name="pytorch", calls=calls)
        measured(clock.function(itertools.repeat(call_ms), name="onnx", calls=calls), other)
        assert calls.index("pytorch") == wanted


WRONG = RIGHT + np.float32(0.02)
WITH_NAN = np.where(RIGHT == 5, np.float32(np.nan), RIGHT)


@pytest.mark.parametrize("wrong", [WRONG, WITH_NAN, np.zeros_like(RIGHT)])
@pytest.mark.parametrize("side", ["onnx", "pytorch"])
def test_outputs_are_not_verified_when_one_timed_answer_is_wrong(
    clock: Clock, wrong: Logits, side: str
) -> None:
    def once(call: int) -> Logits:
        return wrong if call == 50 else RIGHT

    sides = {
        name: clock.function(
            itertools.repeat(10.0), answer=once if name == side else lambda _: RIGHT
        )
        for name in ("onnx", "pytorch")
    }
    options = LatencyOptions(min_samples=100, min_seconds=0.0)
    assert not measured(sides["onnx"], sides["pytorch"], options).outputs_verified


def test_outputs_are_verified_when_they_differ_by_less_than_the_tolerance(clock: Clock) -> None:
    noise = np.float32(0.005)
    function = clock.function(
        itertools.repeat(10.0), answer=lambda call: RIGHT + noise * (call % 2)
    )
    options = LatencyOptions(min_samples=100, min_seconds=0.0)
    assert measured(function, options=options).outputs_verified


def test_garbage_is_not_collected_while_the_clock_runs(clock: Clock) -> None:
    collecting: list[bool] = []

    def noted(call: int) -> Logits:
        collecting.append(gc.isenabled())
        return RIGHT

    record = measured(clock.function(itertools.repeat(10.0), answer=noted))
    assert collecting[-record.samples :] == [False] * record.samples
    assert gc.isenabled()


def test_garbage_is_collected_again_when_a_call_raises(clock: Clock) -> None:
    function = clock.function([10.0] * 8)  # the ninth raises StopIteration
    with pytest.raises(StopIteration):
        measured(function)
    assert gc.isenabled()


def windows(*medians: float, each: int = 4) -> list[float]:
    return [median for median in medians for _ in range(each)]


@pytest.mark.parametrize(
    ("samples_ms", "wanted"),
    [
        (windows(1, 1, 1, 1, 1, 1), True),
        (windows(9, 7, 5, 1.0, 1.05, 1.1), True),  # what happened earlier does not count
        (windows(1, 1, 1, 1.0, 1.05, 1.11), False),
        (windows(1, 1, 1, 1.11, 1, 1), False),
        (windows(6, 5, 4, 3, 2, 1), False),
        (windows(1, 1, 1, 1, 1, 1, each=1), False),  # too few to tell
        (windows(1, 1, 1, 1, 1, 1, each=2), True),
        ([], False),
    ],
)
def test_stable_is_what_its_last_three_windows_say(samples_ms: list[float], wanted: bool) -> None:
    assert is_stable(np.array(samples_ms)) is wanted


def test_real_clock_is_read_around_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(latency, "BLOCK_SECONDS", 0.001)
    record = measured(lambda images: RIGHT, lambda images: RIGHT)
    assert record.pytorch is not None
    assert record.seconds > 0
    assert record.p50_ms > 0
    assert record.outputs_verified
