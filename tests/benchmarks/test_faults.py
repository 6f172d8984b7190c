"""The page of faults is what was measured, names tests that exist, and knows every fault."""

import ast
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.faults.all_faults import FAULTS
from benchmarks.faults.fault import Fault, outcome_of
from benchmarks.faults.page import DAMAGES, KILLS, PAGE, RAW, page
from benchmarks.measuring import ROOT, read_measurement

FORMATS = (
    *("IDX", "IDX, gzip", "npz", "mat", "mat, compressed", "PNG", "cache: dataset.json"),
    *("weights.safetensors", "foreign safetensors", "foreign .pt", "resume.pt"),
    *("recipe.json", "training.json", "imported.json", "export.json", "float32-cpu.json"),
    *("history.jsonl", "ONNX", "ONNX, external data", "model.onnx of a run"),
    *("reference.npz of a run", "reference.npz alone", "HTTP requests"),
)


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


def test_every_fault_was_tried_on_a_bare_library() -> None:
    assert list(read_measurement(RAW)["outcomes"]) == [one.name for one in FAULTS]


def test_long_runs_had_damages_and_kills_enough() -> None:
    assert read_measurement(DAMAGES)["mutations"] >= 500
    assert read_measurement(KILLS)["kills"] >= 50


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_was_damaged_often_enough(form: str) -> None:
    assert sum(read_measurement(DAMAGES)["counts"][form].values()) >= 500


def test_page_is_what_was_measured() -> None:
    assert PAGE.read_text() == page(*map(read_measurement, (RAW, DAMAGES, KILLS)))


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


def test_page_has_a_row_a_fault_and_a_row_a_count() -> None:
    measured = read_measurement(RAW) | {"outcomes": {one.name: "|`" for one in FAULTS}}
    counts = {"counts": {"IDX": {"refused": 1999, "unchanged": 1}}}
    text = page(measured, *(read_measurement(path) | counts for path in (DAMAGES, KILLS)))
    assert text.count("/'") == len(FAULTS)
    assert text.count("| IDX | 2,000 | 1,999 refused, 1 unchanged |") == 2
