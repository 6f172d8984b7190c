"""Options of `evaluate` that reach both sides of what is timed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from commands.main import main


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def evaluated(run: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    arguments = ("--run", str(run), "--batch-sizes", "1", "--json", *options)
    assert main(["evaluate", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_of_both_sides(
    run: Path, capsys: pytest.CaptureFixture[str], threads: int
) -> None:
    before = torch.get_num_threads()
    try:
        options = ("--threads", str(threads), "--min-seconds", "0")
        (timing,) = evaluated(run, capsys, *options)["latency"]
        assert timing["threads"] == threads
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_samples_are_as_many_as_asked_for_on_both_sides(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--min-seconds", "0", "--max-p99-ms", "10000", "--threads", "1")
    (timing,) = evaluated(run, capsys, *options)["latency"]
    assert timing["samples"] >= 662
    assert timing["pytorch"]["samples"] >= 662
    assert timing["p99_ms"] >= timing["p50_ms"]
    options = ("--min-seconds", "0", "--min-samples", "5000", "--threads", "1")
    (timing,) = evaluated(run, capsys, *options)["latency"]
    assert timing["samples"] >= 5000
