import time
from pathlib import Path

import numpy as np
import pytest

from evaluate import idle_threads, latency
from evaluate.idle_threads import LONGEST_SECONDS, wait_for_idle_threads
from evaluate.latency import LatencyOptions, measured_latency
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions
from evaluate.timed_call import host_call
from evaluate.tolerances import CPU_FLOAT32
from tests.evaluate.onnx_files import images_of, linear, linear_nodes, write_model


class Clock:
    """A process whose threads take all CPU time for so long."""

    def __init__(self, busy_seconds: float) -> None:
        self.now = 0.0
        self._busy_seconds = busy_seconds

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return min(self.now, self._busy_seconds)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("busy_seconds", "waited"), [(0.0, 0.005), (0.035, 0.04), (99.0, LONGEST_SECONDS)]
)
def test_waiting_ends_when_the_process_sleeps_and_not_much_later(
    busy_seconds: float, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(busy_seconds)
    monkeypatch.setattr(idle_threads, "time", clock)
    wait_for_idle_threads()
    assert clock.now == pytest.approx(waited, abs=0.0051)


def test_onnx_runtimes_threads_are_asleep_after_the_wait(tmp_path: Path) -> None:
    runner = OnnxRunner(write_model(tmp_path / "m.onnx", linear_nodes()), SessionOptions(threads=2))
    for _ in range(50):
        runner.run(images_of(512))
    wait_for_idle_threads()
    before = time.process_time()
    time.sleep(0.05)
    assert time.process_time() - before < 0.025


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counted: list[int] = []
    monkeypatch.setattr(latency, "wait_for_idle_threads", lambda: counted.append(1))
    monkeypatch.setattr(latency, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(latency, "BLOCK_SECONDS", 0.001)
    return counted


def test_each_block_of_two_sides_waits_for_the_other(waits: list[int]) -> None:
    images = images_of(2)
    for pytorch in (host_call(linear, images), None):
        waits.clear()
        measured_latency(
            host_call(linear, images),
            pytorch,
            batch_size=2,
            boundary="host",
            options=LatencyOptions(min_samples=1, min_seconds=0.01),
            tolerance=CPU_FLOAT32,
            threads=1,
        )
        assert len(waits) >= 6 if pytorch else waits == []
    assert np.isfinite(linear(images)).all()
