"""What a measurement was made with: versions, CPUs, machine. Imports none of what it names."""

import importlib.util
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from artifacts.control_groups import cpu_quota
from artifacts.json_records import Positive, Record
from artifacts.version import ONNXPROOF_VERSION

NAMED_PACKAGES = (
    "torch",
    "torchvision",
    "onnx",
    "onnxscript",
    "onnxruntime-gpu",
    "onnxruntime",
    "onnxruntime-ep-openvino",
    "numpy",
)


class Environment(Record):
    """The machine and the versions behind a record."""

    date: str
    python: str
    platform: str
    cpu: str
    cpus: Positive
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


def is_installed(module: str) -> bool:
    """Return whether a module can be imported, without doing so."""
    return importlib.util.find_spec(module) is not None


def conflict_of_packages(versions: dict[str, str]) -> str | None:
    """Return what is wrong where two packages install the same files, else None."""
    if "onnxruntime" in versions and "onnxruntime-gpu" in versions:
        return (
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files:"
            " pip uninstall both, then install one"
        )
    return None


def usable_cpus() -> int:
    """Return how many CPUs this process may use: not the machine's count.

    That is its affinity, and no more than the quota of its control groups, which is how a container
    is told that it has two CPUs of sixty-four.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return min(allowed, cpu_quota() or allowed)


def cpu_model() -> str:
    """Return the CPU's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
