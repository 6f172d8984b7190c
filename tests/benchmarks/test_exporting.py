"""What exporters check is found by giving them wrong weights, and told in the table."""

import shutil
import sys
from pathlib import Path
from typing import Any

from artifacts.run_directory import RunDirectory
from benchmarks.exporting import OURS, Exported, exported_by, outcome_of_wrong, reason_of_failure
from benchmarks.exporting_tables import exporting_table
from tests.benchmarks.test_harnesses import HEAD


def ended(code: int, *lines: str, kept: bool = True) -> Exported:
    file = Path("model.onnx") if kept else None
    return Exported(wall_seconds=1.0, code=code, lines=lines, told=None, onnx=file)


def test_ours_refuses_wrong_weights_and_the_bare_exporter_says_nothing(
    finished_run: Path, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "mlp")
    exported = shutil.ignore_patterns("model.onnx", "export.json", "reference.npz")
    shutil.copytree(finished_run, run.root, ignore=exported)
    python = Path(sys.executable)
    refused = exported_by("command", python, run, wrong=True)
    outcome = outcome_of_wrong((), refused)
    assert (outcome["exit_code"], outcome["file_kept"]) == (5, False)
    assert "logits differ from PyTorch's" in outcome["said"]
    bare = exported_by("torch", python, run, wrong=True)
    assert bare.told is not None
    assert bare.told["batch_sizes"] == []
    assert outcome_of_wrong((), bare) == {"exit_code": 0, "file_kept": True, "said": None}


def test_what_is_always_said_is_not_about_the_wrong_weights() -> None:
    lines = (
        "a usual warning",
        "  raise ValueError('differ')",
        "module.py:1: DeprecationWarning: differ",
        "warning: max diff 0.1",
    )
    found = outcome_of_wrong(lines[:1], ended(0, *lines))
    assert found == {"exit_code": 0, "file_kept": True, "said": "warning: max diff 0.1"}
    assert outcome_of_wrong((), ended(0, "done"))["said"] is None


def test_reason_of_failure_is_the_exception() -> None:
    lines = ("KeyError: 'a'", "During handling", "ValueError: not known", "Get it from there.")
    assert reason_of_failure(lines) == "ValueError: not known"
    assert reason_of_failure(lines[1:2]) == "During handling"
    assert reason_of_failure(()) == "no message"


def test_table_tells_how_each_ended() -> None:
    way: dict[str, Any] = {
        "process_seconds": 4.0,
        "call_seconds": 2.0,
        "file_bytes": 1000,
        "nodes": 15,
        "optimized_nodes": 13,
        "batch_sizes": [1, 2],
        "examples": 3,
        "wrong": outcome_of_wrong((), ended(5, "error: logits differ", kept=False)),
    }
    bare = way | {"batch_sizes": [], "examples": 0, "wrong": outcome_of_wrong((), ended(0))}
    network = {
        "ways": {OURS: way, "torch.onnx.export(dynamo=True)": bare},
        "missing": {"optimum main_export": "ValueError: not known"},
    }
    measured = {"networks": {"lenet5": network}, "missing": {}, "versions": {}}
    text = exporting_table(HEAD | measured)
    assert "| real test images | 1, 2 | 3 | exit code 5, no file is left: `error: logits" in text
    assert "| nothing | none | 0 | exit code 0, the file stays: says nothing |" in text
    assert "Missing: optimum main_export (lenet5): ValueError: not known" in text
