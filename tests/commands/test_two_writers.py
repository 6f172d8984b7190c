"""Two processes on one run: one works, the other ends at once; a killed one leaves no lock."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands.main import main
from storage.temporary import TEMPORARY_PREFIX

CLI = Path(__file__).parents[2] / "cli.py"


def training(npz: Path, run: Path) -> subprocess.Popen[bytes]:
    """A training that goes on for long, and has begun to write."""
    options = ["--model", "mlp", "--epochs", "100000", "--threads", "1", "--run", str(run)]
    process = subprocess.Popen(
        [sys.executable, str(CLI), "train", "--dataset", str(npz), *options],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while not (run / "resume.pt").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("command", ["train", "export", "evaluate"])
def test_second_writer_ends_at_once_and_the_run_is_free_after_a_kill(
    command: str,
    finished_run: Path,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    # A finished run that is trained again: all of its files stay whole until that is finished.
    shutil.copytree(finished_run, run)
    (run / "resume.pt").unlink()
    options = {
        "train": ["--dataset", str(tiny_npz), "--model", "mlp", "--epochs", "1"],
        "export": [],
        "evaluate": ["--no-latency"],
    }[command]
    process = training(tiny_npz, run)
    try:
        start = time.monotonic()
        assert main([command, "--run", str(run), *options]) == 5
        assert time.monotonic() - start < 20
        error = capsys.readouterr().err
        assert f"error: {run}: another process is writing it" in error
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run / f"{TEMPORARY_PREFIX}left.pt").write_bytes(b"part")
    assert main([command, "--run", str(run), *options]) == 0
    assert not list(run.glob(f"{TEMPORARY_PREFIX}*"))
