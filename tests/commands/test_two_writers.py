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


def test_run_that_is_trained_is_free_after_a_kill(
    finished_run: Path,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    # A finished run that is trained again: all of its files stay whole until that is finished.
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    (run / "resume.pt").unlink()
    options = ["--model", "mlp", "--epochs", "100000", "--threads", "1", "--run", str(run)]
    process = subprocess.Popen(
        [sys.executable, str(CLI), "train", "--dataset", str(tiny_npz), *options],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    evaluate = ["evaluate", "--no-latency", "--run", str(run)]
    try:
        deadline = time.monotonic() + 60
        while not (run / "resume.pt").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert main(evaluate) == 5
        assert f"error: {run}: another process is writing it" in capsys.readouterr().err
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run / f"{TEMPORARY_PREFIX}left.pt").write_bytes(b"part")
    assert main(evaluate) == 0
    assert not list(run.glob(f"{TEMPORARY_PREFIX}*"))
