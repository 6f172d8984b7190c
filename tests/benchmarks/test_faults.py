"""Every fault names a test that exists, and what a bare library does is told in a line."""

import ast
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.faults.all_faults import FAULTS
from benchmarks.faults.fault import Fault, outcome_of
from benchmarks.measuring import ROOT


def named(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")}


def fault(raw: Callable[[str], str]) -> Fault:
    return Fault(
        area="data",
        name="a fault",
        raw=raw,
        library="library.call",
        ours="exit 4",
        test="tests/test_x.py::test_x",
    )


def test_every_fault_names_a_test_that_exists() -> None:
    missing = []
    for path, _, function in (one.test.partition("::") for one in FAULTS):
        if not (ROOT / path).is_file() or function not in named(ROOT / path):
            missing.append(f"{path}::{function}")
    assert missing == []


def test_faults_have_names_of_their_own() -> None:
    assert len({one.name for one in FAULTS}) == len(FAULTS)


def returns(directory: str) -> str:
    return f"{Path(directory).is_dir()}\nin two lines"


def raises(directory: str) -> str:
    raise ValueError(f"{directory} is not what was wanted")


def is_killed(directory: str) -> str:
    os.kill(os.getpid(), signal.SIGSEGV)
    return directory


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (returns, "True in two lines"),
        (raises, "DIRECTORY is not what was wanted"),
        (is_killed, "crashed (SIGSEGV)"),
    ],
)
def test_outcome_is_told_in_one_line(raw: Callable[[str], str], told: str) -> None:
    assert outcome_of(fault(raw)) == told
