import shutil
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest

from evaluate import machine_state
from evaluate.machine_state import MachineWatch, gpu_state, gpu_state_from_line


def test_state_counts_from_when_the_watch_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_state, "CGROUP", tmp_path)
    monkeypatch.setattr(machine_state, "CPUS", tmp_path)
    counts = tmp_path / "cpu0" / "thermal_throttle" / "core_throttle_count"
    counts.parent.mkdir(parents=True)
    counts.write_text("7\n")
    (tmp_path / "cpu.stat").write_text("nr_periods 10\nnr_throttled 3\n")
    watch = MachineWatch()
    counts.write_text("9\n")
    (tmp_path / "cpu.stat").write_text("nr_periods 20\nnr_throttled 8\n")
    state = watch.state()
    assert (state.throttled_periods, state.thermal_throttles) == (5, 2)
    assert state.load_average is not None
    assert state.involuntary_switches is not None
    assert state.involuntary_switches >= 0
    assert state.stolen_seconds is not None
    assert state.gpu is None


def test_what_the_system_does_not_tell_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_state, "CGROUP", tmp_path)
    monkeypatch.setattr(machine_state, "CPUS", tmp_path)
    state = MachineWatch().state()
    assert (state.throttled_periods, state.thermal_throttles) == (None, None)


def test_peak_memory_grows_with_what_is_used() -> None:
    before = MachineWatch().state().peak_rss_bytes
    assert before is not None
    ballast = np.ones(40_000_000 + max(0, before - psutil.Process().memory_info().rss), np.uint8)
    after = MachineWatch().state().peak_rss_bytes
    assert after is not None
    assert after - before > 30_000_000
    assert ballast.all()


def test_gpu_is_read_from_nvidia_smis_line() -> None:
    line = "NVIDIA H200, 1234, 1980, 1980, 0x0000000000000004, 41, 97"
    state = gpu_state_from_line(line)
    assert (state.name, state.memory_used_bytes) == ("NVIDIA H200", 1234 << 20)
    assert (state.sm_clock_mhz, state.max_sm_clock_mhz) == (1980, 1980)
    assert (state.throttle_reasons, state.temperature_c) == ("0x0000000000000004", 41)
    assert state.utilization_percent == 97
    unknown = gpu_state_from_line("GPU, [N/A], [N/A], [N/A], [N/A], [N/A], [N/A]")
    assert (unknown.memory_used_bytes, unknown.throttle_reasons) == (None, None)


def test_gpu_is_none_where_nvidia_smi_is_missing_or_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert gpu_state() is None
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    assert gpu_state() is None

    def told(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, stdout="A, 1, 2, 3, 0x1, 4, 5\nB, 1, 2\n")

    monkeypatch.setattr(subprocess, "run", told)
    state = gpu_state()
    assert state is not None
    assert state.name == "A"
