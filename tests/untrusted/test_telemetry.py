"""ONNX Runtime reports from compiled code, which no audit hook of Python sees: its files tell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BARE = "import onnxruntime"
LOADED = (
    "import evaluate.onnx_runtime",
    "import export.integer_graph",
    f"import evaluate, os, sys; os.execv(sys.executable, [sys.executable, '-c', {BARE!r}])",
)


def kept_by(program: str, here: Path) -> set[str]:
    """Run a program as a user who has no files yet; return those that it leaves."""
    homes = {name: str(here) for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR")}
    environment = {
        key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"
    }
    command = [sys.executable, "-B", "-c", program]
    subprocess.run(command, env=environment | homes, cwd=ROOT, check=True, timeout=120)
    return {path.name for path in here.rglob("*") if path.is_file()}


@pytest.mark.parametrize("program", LOADED)
def test_onnx_runtime_keeps_nothing_to_report(program: str, tmp_path: Path) -> None:
    assert kept_by(program, tmp_path) == set()


def test_bare_onnx_runtime_does(tmp_path: Path) -> None:
    kept = kept_by(BARE, tmp_path)
    if not kept:
        pytest.skip("this build of ONNX Runtime has no telemetry")
    assert {"deviceid", "onnxruntime.db"} <= kept
