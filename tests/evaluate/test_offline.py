import itertools
from collections.abc import Iterable

import numpy as np
import pytest

from artifacts.latency_records import OfflineRecord
from artifacts.logits import Images, Logits, LogitsFunction, Tolerance
from evaluate import offline
from evaluate.gates import Gates, offline_failures
from evaluate.latency import LatencyOptions
from evaluate.offline import measured_throughput
from tests.evaluate.onnx_files import images_of, linear

IMAGES = images_of(10)
TOLERANCE = Tolerance(name="test", atol=0.01, rtol=0.0)


class Clock:
    """Stands for the time module in evaluate.offline."""

    now = 5.0

    def perf_counter(self) -> float:
        return self.now

    def side(self, seconds: Iterable[float], wrong_call: int | None = None) -> LogitsFunction:
        """Return a side whose calls take so long."""
        durations, numbers = iter(seconds), itertools.count()

        def logits(images: Images) -> Logits:
            self.now += next(durations)
            return linear(images) + (next(numbers) == wrong_call)

        return logits


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(offline, "time", clock)
    monkeypatch.setattr(offline, "wait_for_idle_threads", lambda: None)
    return clock


def measured(
    onnx: LogitsFunction, pytorch: LogitsFunction | None = None, min_seconds: float = 0.0
) -> OfflineRecord:
    return measured_throughput(
        onnx,
        pytorch,
        IMAGES,
        batch_size=4,
        options=LatencyOptions(min_seconds=min_seconds),
        tolerance=TOLERANCE,
        threads=2,
        on_step=lambda what, done, total: None,
    )


def test_throughput_is_all_images_over_the_median_pass(clock: Clock) -> None:
    passes = [9.0, 1.0, 2.0, 3.0, 4.0, 5.0]  # the first does not count
    calls = itertools.chain.from_iterable((one / 3,) * 3 for one in passes)  # 4, 4 and 2 images
    record = measured(clock.side(calls))
    assert (record.passes, record.images, record.batch_size) == (5, 50, 4)
    assert record.seconds == pytest.approx(15)
    assert record.images_per_second == pytest.approx(10 / 3)
    assert record.ci95 is not None
    assert record.ci95[0] <= record.images_per_second <= record.ci95[1]
    assert (record.pytorch, record.speedup, record.speedup_ci95) == (None, None, None)
    assert record.outputs_verified


def test_speedup_is_over_pytorchs_throughput(clock: Clock) -> None:
    record = measured(clock.side(itertools.repeat(1.0)), clock.side(itertools.repeat(3.0)))
    assert record.pytorch is not None
    assert record.speedup == pytest.approx(3)
    assert record.speedup_ci95 == pytest.approx((3, 3))


def test_passes_go_on_for_the_least_time(clock: Clock) -> None:
    assert measured(clock.side(itertools.repeat(0.1)), min_seconds=5.9).passes == 20


@pytest.mark.parametrize("wrong_call", [3, 17])
def test_wrong_answer_in_a_timed_pass_is_found(clock: Clock, wrong_call: int) -> None:
    record = measured(clock.side(itertools.repeat(1.0), wrong_call))
    assert not record.outputs_verified
    assert offline_failures(record, Gates()) == [
        "offline: timed passes did not give the outputs of untimed ones"
    ]


def test_min_speedup_is_held_against_the_throughput(clock: Clock) -> None:
    record = measured(clock.side(itertools.repeat(1.0)), clock.side(itertools.repeat(3.0)))
    assert offline_failures(record, Gates(min_speedup=2.9)) == []
    (failure,) = offline_failures(record, Gates(min_speedup=3.1))
    assert failure == "offline: 3.00 times PyTorch, below --min-speedup 3.1"


def test_throughput_of_a_real_clock() -> None:
    record = measured(linear, min_seconds=0.01)
    assert record.images_per_second > 0
    assert np.isfinite(record.seconds)
