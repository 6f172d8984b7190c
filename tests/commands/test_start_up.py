"""What is loaded when: `--help` loads nothing heavy, `evaluate` needs no torch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import COMMANDS

ROOT = Path(__file__).parent.parent.parent
LOADED = "import sys; from commands.main import main; main({arguments}); print(*sys.modules)"


def modules_after(arguments: list[str]) -> set[str]:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED.format(arguments=arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(finished.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_loads_nothing_heavy(command: str) -> None:
    loaded = modules_after([*command.split(), "--help"])
    assert "click" in loaded
    heavy = {"torch", "onnxruntime", "onnx", "numpy", "pydantic", "rich", "sklearn", "PIL"}
    assert loaded & heavy == set()


def test_evaluate_works_without_torch(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    arguments = ["evaluate", "--run", str(run), "--no-latency"]
    assert "torch" not in modules_after(arguments)
    assert (run / "evaluations" / "float32-cpu.json").is_file()


def test_evaluate_times_onnx_runtime_alone_when_torch_is_missing(
    finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    hide = (
        "import importlib.util as u; find = u.find_spec;"
        " u.find_spec = lambda name, *rest: None if name == 'torch' else find(name, *rest);"
        " import sys; sys.modules['torch'] = None; from commands.main import main;"
        f" sys.exit(main(['evaluate', '--run', {str(run)!r}, '--batch-sizes', '1']))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", hide], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stderr
    assert "PyTorch is not installed" in finished.stderr
    assert '"pytorch": null' in (run / "evaluations" / "float32-cpu.json").read_text()
