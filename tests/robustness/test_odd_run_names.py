"""Runs whose directories have odd names: every command works, or says in one line why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.interrupted import COMMANDS, copy_of, words_of

ODD = ("two words", "line\nbreak", "-dash", 'it\'s "quoted" $HOME `x`', "😀 ✓", "é" * 120)


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_commands_work_with_a_run_of_an_odd_name(
    odd: str, server: ForkServer, evaluated_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS["evaluate"], tmp_path / odd)
    dataset = tmp_path / f"{odd[:100]}.npz"
    dataset.write_bytes(tiny_npz.read_bytes())
    for name in ("evaluate", "export --precision int8"):
        words = words_of(COMMANDS[name], run.root, dataset)
        ended = server.run(words, tmp_path)
        assert ended.status in (0, 1), ended
    verify = server.run(["verify", "--no-recompute", "--", odd], tmp_path)
    assert verify.status == 4, verify  # the evaluation is of the int8 graph before
    (line,) = [line for line in verify.errors.splitlines() if line.startswith("error: ")]
    assert "evaluate again" in line


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_hint_with_a_name_can_be_pasted_into_a_shell(
    odd: str, server: ForkServer, evaluated_run: Path, tmp_path: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS["evaluate"], tmp_path / odd)
    run.export.unlink()
    ended = server.run(["evaluate", f"--run={odd}"], tmp_path)
    assert ended.status == 4, ended
    error, hint = ended.errors.splitlines()
    assert error.startswith("error: ")
    said = hint.removeprefix("hint: export it with: ")
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {said.removeprefix('python cli.py ')}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    ).stdout.decode()
    assert words.split("\0")[:-1] == ["export", f"--run={odd}"]


def test_names_that_are_too_long_or_no_text_are_told_in_one_line(
    server: ForkServer, tiny_npz: Path, tmp_path: Path
) -> None:
    train = ["train", "--model", "mlp", "--dataset", str(tiny_npz), "--run"]
    ended = server.run([*train, "x" * 300], tmp_path)
    assert ended.status == 5, ended
    assert ": File name too long" in ended.errors
    assert len(ended.errors.splitlines()) == 1
    command = [sys.executable, str(Path(__file__).parents[2] / "cli.py"), *train]
    raw = [*(os.fsencode(word) for word in command), b"run-\xff"]
    finished = subprocess.run(raw, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stderr == "error: 'run-\\udcff': is not valid UTF-8, which records need\n"
    assert list(tmp_path.iterdir()) == []
