"""Runs that the trial did not foresee: ended in this process, which goes on."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from errors import UnfinishedError
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions
from evaluate.watchdog import Watchdog
from tests.evaluate.hostile_files import endless_loop, flat_logits

ROOT = Path(__file__).parents[2]
LOOPS, ENDS = (np.full((1, 1, 2, 2), pixel, np.uint8) for pixel in (125, 3))


@pytest.fixture
def runner(tmp_path: Path) -> OnnxRunner:
    """A graph that loops for ever on some images."""
    path = tmp_path / "sometimes.onnx"
    path.write_bytes(endless_loop(only_between=(100, 150)).SerializeToString())
    return OnnxRunner(path, SessionOptions(timeout_seconds=0.5))


def test_run_that_never_ends_is_ended_and_the_next_one_is_not(runner: OnnxRunner) -> None:
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(UnfinishedError) as caught:
            runner.run(LOOPS)
        assert 0.4 < time.monotonic() - start < 10
        assert caught.value.subject.endswith("sometimes.onnx")
        assert caught.value.problem == "the graph was ended: a run lasted longer than 0.5 seconds"
        assert np.array_equal(runner.run(ENDS), np.full((1, 4), 3, np.float32))


def test_bound_run_that_never_ends_is_ended_too(runner: OnnxRunner) -> None:
    with pytest.raises(UnfinishedError, match=r"longer than 0\.5 seconds"):
        runner.bound(LOOPS, "logits", 4)()


def test_limit_can_be_made_shorter_while_the_watchdog_sleeps(tmp_path: Path) -> None:
    path = tmp_path / "sometimes.onnx"
    path.write_bytes(endless_loop(only_between=(100, 150)).SerializeToString())
    runner = OnnxRunner(path)
    time.sleep(0.1)  # it sleeps for 300 seconds
    runner.limit_runs(0.3)
    with pytest.raises(UnfinishedError, match=r"longer than 0\.3 seconds"):
        runner.run(LOOPS)


def test_many_short_runs_that_last_longer_together_are_not_ended(tmp_path: Path) -> None:
    path = tmp_path / "flat.onnx"
    path.write_bytes(flat_logits().SerializeToString())
    limit_seconds = 0.2
    runner = OnnxRunner(path, SessionOptions(timeout_seconds=limit_seconds))
    start, short_runs = time.monotonic(), 0
    while time.monotonic() - start < 4 * limit_seconds or short_runs == 0:
        began = time.monotonic()
        try:
            runner.run(ENDS)
            short_runs += 1
        except UnfinishedError:  # on a machine that stood still meanwhile: it was no short run
            assert time.monotonic() - began >= limit_seconds


@dataclass
class Options:
    """Notes when it was told to terminate."""

    told_at: float | None = None

    @property
    def terminate(self) -> bool:
        return self.told_at is not None

    @terminate.setter
    def terminate(self, value: bool) -> None:
        assert value
        self.told_at = self.told_at or time.monotonic()


def test_run_that_does_not_end_when_told_is_stuck() -> None:
    watchdog = Watchdog(grace_seconds=0.2)
    stuck: list[tuple[str, float]] = []
    watchdog.on_stuck = lambda name: stuck.append((name, time.monotonic()))
    watch = watchdog.watch("x.onnx", 0.1)
    began, options = time.monotonic(), Options()
    watch.running = (began, options)
    deadline = began + 60
    while not stuck and time.monotonic() < deadline:
        time.sleep(0.01)
    name, stuck_at = stuck[0]
    assert name == "x.onnx"
    # However late the machine lets it look, it looks at nothing too early.
    assert options.told_at is not None
    assert began + 0.1 <= options.told_at <= stuck_at
    assert began + 0.1 + 0.2 <= stuck_at


def test_watchdog_keeps_no_process_alive() -> None:
    program = "from evaluate.watchdog import WATCHDOG; watch = WATCHDOG.watch('x', 300)"
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=60)
    assert time.monotonic() - start < 30


def test_what_onnx_runtime_prints_of_a_failing_run_stays_out_of_standard_error(
    runner: OnnxRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnfinishedError):
        runner.run(LOOPS)
    with pytest.raises(UnfinishedError):
        runner.run(np.zeros((1, 9, 9, 9), np.uint8))
    assert capfd.readouterr() == ("", "")
