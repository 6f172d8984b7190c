"""The commands of the README, word for word, in a folder where nothing was done before."""

import json
import os
import subprocess
import sys
from pathlib import Path

from evaluate.provider_trial import provider_failure

ROOT = Path(__file__).parent.parent.parent


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = command.split()
    assert words[:2] == ["python", "cli.py"]
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words[2:]],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "100"},
    )


def test_card_commands_prove_lenet5_on_digits(tmp_path: Path) -> None:
    trained = run("python cli.py train", tmp_path)
    assert trained.returncode == 0, trained.stderr
    directory = tmp_path / "runs" / "digits-lenet5"
    assert str(directory.relative_to(tmp_path)) in trained.stdout

    exported = run("python cli.py export", tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert (directory / "model.onnx").is_file()

    on_cuda = run("python cli.py evaluate --provider cuda", tmp_path)
    if provider_failure("cuda"):
        assert on_cuda.returncode == 3
        assert on_cuda.stdout == ""
        lines = on_cuda.stderr.splitlines()
        assert lines[0].startswith("error: --provider cuda: not usable here: ")
        assert [line.split(":")[0] for line in lines] == ["error", "hint"]
        assert not [path for path in directory.rglob("*") if "cuda" in path.name.lower()]
    else:
        assert on_cuda.returncode == 0, on_cuda.stderr

    on_cpu = run("python cli.py evaluate --provider cpu", tmp_path)
    assert on_cpu.returncode == 0, on_cpu.stderr
    assert "PASS" in on_cpu.stdout
    evaluation = json.loads((directory / "evaluations" / "float32-cpu.json").read_text())
    assert evaluation["verdict"] == "pass"
    assert evaluation["accuracy"]["top1"] >= 0.97
    assert evaluation["parity"]["unexplained_flips"] == 0
    assert set(evaluation["provider"]["nodes"]) == {"CPUExecutionProvider"}
    assert [timing["batch_size"] for timing in evaluation["latency"]] == [1, 32]
    assert all(timing["outputs_verified"] for timing in evaluation["latency"])
