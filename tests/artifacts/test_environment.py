import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from artifacts import control_groups
from artifacts.environment import (
    conflict_of_packages,
    cpu_model,
    current_environment,
    installed_versions,
    usable_cpus,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def one_cpu() -> Iterator[None]:
    earlier = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(earlier)})
    yield
    os.sched_setaffinity(0, earlier)


@pytest.mark.usefixtures("one_cpu")
def test_usable_cpus_are_those_of_the_affinity() -> None:
    assert usable_cpus() == 1
    assert current_environment().cpus == 1


def test_usable_cpus_are_the_machines_when_there_is_no_affinity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 17)
    assert usable_cpus() == 17


def test_versions_are_those_installed_and_the_rest_is_left_out() -> None:
    versions = installed_versions(("numpy", "no-such-package"))
    assert set(versions) == {"onnxproof", "numpy"}
    assert versions["numpy"] == np.__version__


def test_environment_names_this_machine_and_this_minute() -> None:
    environment = current_environment()
    date = datetime.fromisoformat(environment.date)
    assert date.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - date) < timedelta(minutes=1)
    assert environment.python == platform.python_version()
    assert environment.cpu == cpu_model() != ""


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("artifacts.choices", ["numpy", "pydantic", "torch", "onnx", "onnxruntime"]),
        ("artifacts.run_directory", ["numpy", "pydantic", "torch", "onnx", "onnxruntime"]),
        ("artifacts.environment", ["numpy", "torch", "onnx", "onnxruntime"]),
        ("artifacts.chain", ["numpy", "torch", "onnx", "onnxruntime"]),
    ],
)
def test_importing_a_record_loads_none_of_what_it_tells_of(module: str, heavy: list[str]) -> None:
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert outcome.stdout == "[]\n"


def test_usable_cpus_are_no_more_than_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(control_groups, "CGROUP", tmp_path)
    assert usable_cpus() == 4
    (tmp_path / "cpu.max").write_text("100000 100000")
    assert usable_cpus() == 1


def test_two_packages_with_the_same_files_are_told() -> None:
    both = {"onnxruntime": "1", "onnxruntime-gpu": "1"}
    assert "pip uninstall both" in (conflict_of_packages(both) or "")
    for alone in both:
        assert conflict_of_packages({alone: "1"}) is None
