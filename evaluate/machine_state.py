"""What disturbs a measurement: load, clock, throttling, other tenants; and the memory it took."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artifacts.latency_records import GpuState, MachineState
from untrusted.memory import CGROUP

CPUS = Path("/sys/devices/system/cpu")
_GPU_FIELDS = (
    "name",
    "memory.used",
    "clocks.sm",
    "clocks.max.sm",
    "clocks_event_reasons.active",
    "temperature.gpu",
    "utilization.gpu",
)


class MachineWatch:
    """Counts since it was made; the system's counters only ever grow.

    Args:
        gpu: also ask nvidia-smi.
    """

    def __init__(self, *, gpu: bool = False) -> None:
        self._gpu = gpu
        self._load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        self._before = {name: read() for name, read in _COUNTERS.items()}

    def state(self) -> MachineState:
        """Return what happened on the machine since."""
        grown: dict[str, Any] = {}
        for name, read in _COUNTERS.items():
            before, now = self._before[name], read()
            grown[name] = None if before is None or now is None else now - before
        return MachineState(
            load_average=None if self._load is None else round(self._load, 2),
            cpu_mhz=_cpu_mhz(),
            peak_rss_bytes=_peak_rss_bytes(),
            gpu=gpu_state() if self._gpu else None,
            **grown,
        )


def gpu_state() -> GpuState | None:
    """Return what nvidia-smi says of the first GPU, or None where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return gpu_state_from_line(told.splitlines()[0]) if told.strip() else None


def gpu_state_from_line(line: str) -> GpuState:
    """Return the record of one line of nvidia-smi's, the fields in the order of the query."""
    name, memory, clock, most, reasons, temperature, utilization = (
        part.strip() for part in line.split(",")
    )
    memory_mib = _integer(memory)
    return GpuState(
        name=name,
        memory_used_bytes=None if memory_mib is None else memory_mib << 20,
        sm_clock_mhz=_integer(clock),
        max_sm_clock_mhz=_integer(most),
        throttle_reasons=reasons if reasons.startswith("0x") else None,
        temperature_c=_integer(temperature),
        utilization_percent=_integer(utilization),
    )


def _integer(text: str) -> int | None:
    return int(text) if text.isdigit() else None  # "[N/A]" where the GPU does not tell


def _throttled_periods() -> int | None:
    """Return how often our control group had used up its quota (cgroup v2, cpu.stat)."""
    return _entry(CGROUP / "cpu.stat", "nr_throttled")


def _thermal_throttles() -> int | None:
    files = list(CPUS.glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
    try:
        return sum(int(file.read_text()) for file in files) if files else None
    except (OSError, ValueError):
        return None


def _stolen_seconds() -> float | None:
    """Return what a hypervisor took from all CPUs (proc(5): the eighth number of `cpu`)."""
    try:
        words = Path("/proc/stat").read_text().splitlines()[0].split()
        return int(words[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _involuntary_switches() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


_COUNTERS: dict[str, Callable[[], int | float | None]] = {
    "throttled_periods": _throttled_periods,
    "thermal_throttles": _thermal_throttles,
    "stolen_seconds": _stolen_seconds,
    "involuntary_switches": _involuntary_switches,
}


def _peak_rss_bytes() -> int | None:
    """Return the largest resident memory of this process.

    Linux' getrusage(2) would also count what the process had that started this one, before exec.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        entries = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(entries["VmHWM"].split()[0]) * 1024 if "VmHWM" in entries else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: in bytes


def _cpu_mhz() -> tuple[float, float] | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    clocks = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return (min(clocks), max(clocks)) if clocks else None


def _entry(path: Path, name: str) -> int | None:
    try:
        entries = dict(line.split() for line in path.read_text().splitlines())
        return int(entries[name])
    except (OSError, ValueError, KeyError):
        return None
