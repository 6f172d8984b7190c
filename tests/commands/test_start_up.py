"""What is loaded when: `--help` loads nothing heavy, `evaluate` needs no torch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from commands.main import COMMANDS
from commands.study import command as study

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


@pytest.mark.parametrize("command", ["", *COMMANDS, *(f"study {name}" for name in study.names)])
def test_help_loads_nothing_heavy(command: str) -> None:
    loaded = modules_after([*command.split(), "--help"])
    assert "click" in loaded
    heavy = {"torch", "onnxruntime", "onnx", "numpy", "pydantic", "rich", "sklearn", "PIL"}
    heavy |= {"fastapi", "uvicorn", "prometheus_client"}
    assert loaded & heavy == set()


def test_evaluate_works_without_torch(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    arguments = ["evaluate", "--run", str(run), "--no-latency"]
    assert "torch" not in modules_after(arguments)
    assert (run / "evaluations" / "float32-cpu.json").is_file()


def run_without_torch(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command where torch cannot be found, as on a machine that only deploys."""
    hide = (
        "import importlib.util as u; find = u.find_spec;"
        " u.find_spec = lambda name, *rest: None if name == 'torch' else find(name, *rest);"
        " import sys; sys.modules['torch'] = None; from commands.main import main;"
        f" sys.exit(main({arguments!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", hide], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_predict_works_when_torch_is_missing(finished_run: Path, tmp_path: Path) -> None:
    Image.new("L", (8, 8), 200).save(tmp_path / "a.png")
    finished = run_without_torch(["predict", str(tmp_path / "a.png"), "--run", str(finished_run)])
    assert finished.returncode == 0, finished.stderr
    assert "a.png" in finished.stdout


def test_datasets_are_listed_without_loading_what_reads_them() -> None:
    assert (
        modules_after(["datasets"]) & {"torch", "torchvision", "sklearn", "scipy", "PIL"} == set()
    )


def test_evaluate_times_onnx_runtime_alone_when_torch_is_missing(
    finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    finished = run_without_torch(["evaluate", "--run", str(run), "--batch-sizes", "1"])
    assert finished.returncode == 0, finished.stderr
    assert "PyTorch is not installed" in finished.stderr
    assert '"pytorch": null' in (run / "evaluations" / "float32-cpu.json").read_text()


def test_what_needs_torch_says_so_when_torch_is_missing(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    common = ["evaluate", "--run", str(run), "--no-latency"]
    finished = run_without_torch([*common, "--reference", "live"])
    assert finished.returncode == 3
    assert finished.stderr == "error: --reference live: PyTorch is not installed here\n"
    finished = run_without_torch([*common, "--explain", "--atol", "0", "--rtol", "0"])
    assert finished.returncode == 3
    assert finished.stderr.startswith("error: --explain: PyTorch, whose values it compares,")
    assert run_without_torch([*common, "--explain"]).returncode == 0  # nothing to explain
