"""What a measurement was made with: versions, CPUs, machine. Imports none of what it names."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from artifacts.json_records import Record
from artifacts.version import ONNXPROOF_VERSION

NAMED_PACKAGES = (
    "torch",
    "torchvision",
    "onnx",
    "onnxscript",
    "onnxruntime-gpu",
    "onnxruntime",
    "numpy",
)


class Environment(Record):
    """The machine and the versions behind a record."""

    date: str
    python: str
    platform: str
    cpu: str
    cpus: int
    versions: dict[str, str]


def current_environment() -> Environment:
    """Return what this process runs on; `date` is UTC in ISO 8601."""
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_model(),
        cpus=usable_cpus(),
        versions=installed_versions(NAMED_PACKAGES),
    )


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those of the packages that are installed, and of onnxproof itself."""
    versions = {"onnxproof": ONNXPROOF_VERSION}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def usable_cpus() -> int:
    """Return how many CPUs this process may run on: its affinity, not the machine's count."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """Return the CPU's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
