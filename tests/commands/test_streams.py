"""What is printed may find no reader; the work and the exit code do not depend on it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import main

ROOT = Path(__file__).parent.parent.parent
CLI = f"{sys.executable} {ROOT / 'cli.py'}"
EVALUATE = f"{CLI} evaluate --run run --no-latency"


@pytest.fixture
def folder(finished_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished_run, tmp_path / "run")
    return tmp_path


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "2>/dev/full"])
@pytest.mark.parametrize(("gate", "exit_code"), [("0", 0), ("1.01", 1)])
def test_exit_code_is_the_verdict_s_whatever_the_streams(
    streams: str, gate: str, exit_code: int, folder: Path
) -> None:
    assert shell(f"{EVALUATE} --min-accuracy {gate} {streams}", folder).returncode == exit_code
    evaluation = json.loads((folder / "run" / "evaluations" / "float32-cpu.json").read_text())
    assert evaluation["verdict"] == ("fail" if exit_code else "pass")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("options", ["", "--json"])
@pytest.mark.parametrize(("gate", "exit_code"), [("0", 0), ("1.01", 1)])
def test_reader_that_has_gone_is_no_error(
    unbuffered: str, options: str, gate: str, exit_code: int, folder: Path
) -> None:
    command = f"{EVALUATE} --min-accuracy {gate} {options} | true"
    finished = shell(command, folder, PYTHONUNBUFFERED=unbuffered)
    assert finished.returncode == exit_code
    assert finished.stderr == ""


def test_training_goes_on_when_nobody_reads_its_log(folder: Path, tiny_npz: Path) -> None:
    train = f"{CLI} train --dataset {tiny_npz} --model mlp --epochs 40 --run new"
    assert shell(f"{train} 2>&1 | head -1", folder).returncode == 0
    assert (folder / "new" / "training.json").is_file()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_standard_output_is_told(unbuffered: str, folder: Path) -> None:
    finished = shell(f"{EVALUATE} --json > /dev/full", folder, PYTHONUNBUFFERED=unbuffered)
    assert finished.returncode == 5
    assert finished.stderr.startswith("error: ")
    assert "No space left on device" in finished.stderr


def test_json_needs_no_more_than_ascii(folder: Path) -> None:
    finished = shell(
        f"{EVALUATE} --json --run 'run'; {CLI} doctor | head -3", folder, PYTHONIOENCODING="ascii"
    )
    assert finished.returncode == 0, finished.stderr


def test_names_are_printed_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    name = "a[red]b[b] :smile: d"
    (folder / "run").rename(folder / name)
    assert main(["evaluate", "--no-latency", "--run", name]) == 0
    assert f"{name}/evaluations/float32-cpu.json" in capsys.readouterr().out
