"""With --json standard output is one JSON document; without, nothing there is a log line."""

import json
import shutil
from pathlib import Path

import pytest

from commands.main import main

EVALUATION_KEYS = {
    "": "schema verdict failures model dataset provider accuracy parity latency load_ms environment"
    " command",
    "model": "onnx_sha256 precision checkpoint_sha256 opset",
    "dataset": "name split examples sha256",
    "provider": "requested session nodes copies options",
    "accuracy": "top1 correct examples ci95 per_class confusion",
    "parity": "reference examples max_abs max_rel mean_abs p99_abs min_cosine atol rtol"
    " within_tolerance nonfinite flips explained_flips unexplained_flips flipped float64 mcnemar_p",
    "latency": "batch_size boundary samples seconds p50_ms p90_ms p95_ms p99_ms mean_ms cv"
    " images_per_second first_run_ms stable outputs_verified pytorch speedup",
}


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def test_evaluate_prints_the_contract_s_keys_and_what_it_wrote(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--run", str(run), "--batch-sizes", "3", "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed == json.loads((run / "evaluations" / "float32-cpu.json").read_text())
    for part, keys in EVALUATION_KEYS.items():
        record = printed[part] if part else printed
        record = record[0] if isinstance(record, list) else record
        assert set(keys.split()) <= set(record), part
    assert printed["dataset"]["examples"] == 67
    assert printed["accuracy"]["examples"] == printed["parity"]["examples"] == 67
    assert printed["provider"]["session"] == ["CPUExecutionProvider"]
    assert printed["latency"][0]["batch_size"] == 3
    assert printed["latency"][0]["pytorch"]["samples"] >= 64


def test_records_chain_by_sha256(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--run", str(run), "--no-latency", "--json"]) == 0
    evaluation = json.loads(capfd.readouterr().out)
    training = json.loads((run / "training.json").read_text())
    export = json.loads((run / "export.json").read_text())
    recipe = json.loads((run / "recipe.json").read_text())
    variant = export["variants"]["float32"]
    assert evaluation["model"]["onnx_sha256"] == variant["onnx_sha256"]
    assert evaluation["model"]["checkpoint_sha256"] == variant["checkpoint_sha256"]
    assert variant["checkpoint_sha256"] == training["checkpoint_sha256"]
    assert evaluation["reference_sha256"] == export["reference"]["sha256"]
    assert evaluation["dataset"]["sha256"] == recipe["dataset"]["sha256"]
    assert evaluation["latency"] == []


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["export", "--run", "run", "--probabilities"], "onnx_sha256"),
        (["train", "--model", "logistic", "--epochs", "1"], "checkpoint_sha256"),
        (["doctor"], "providers"),
    ],
)
def test_command_prints_one_document(
    arguments: list[str], key: str, run: Path, tiny_npz: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = ["--dataset", str(tiny_npz)] if arguments[0] == "train" else []
    assert main([*arguments, *dataset, "--json"]) == 0
    assert key in json.loads(capfd.readouterr().out)


def test_pipeline_ends_with_one_row_a_network(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny_npz, "tiny.npz")  # a short path, since the title names it in full
    options = ["--dataset", "tiny.npz", "--epochs", "2", "--batch-sizes", "1"]
    assert main(["pipeline", "--models", "logistic,mlp", *options]) == 0
    out = capfd.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    rows = [
        line.split() for line in out.splitlines() if line.split()[:1] in (["logistic"], ["mlp"])
    ]
    assert [(row[0], row[-1]) for row in rows] == [("logistic", "pass"), ("mlp", "pass")]
    assert (tmp_path / "runs" / "tiny-mlp" / "evaluations" / "float32-cpu.json").is_file()


def test_errors_leave_standard_output_empty(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (run / "model.onnx").unlink()
    assert main(["evaluate", "--run", str(run), "--json"]) == 4
    out, err = capfd.readouterr()
    assert out == ""
    assert "model.onnx: no such file" in err
