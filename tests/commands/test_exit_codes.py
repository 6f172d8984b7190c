"""Every exit code of the contract, each reached by its own kind of failure."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from artifacts.files import sha256_of_file
from commands.main import main
from untrusted.sealed_json import sealed

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def evaluate(run: Path, *options: str) -> int:
    return main(["evaluate", "--run", str(run), "--no-latency", *options])


def change_weight(run: Path, factor: float) -> None:
    """Scale one weight of the ONNX file, and make the record agree with the changed file."""
    path = run / "model.onnx"
    model = onnx.load(path)
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(weight).copy()
    values.flat[np.abs(values).argmax()] *= factor
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(model, path)
    record = json.loads((run / "export.json").read_text())
    record["variants"]["float32"]["onnx_sha256"] = sha256_of_file(path)
    record["variants"]["float32"]["file_bytes"] = path.stat().st_size
    (run / "export.json").write_text(json.dumps(sealed(record)))


def error_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().err.splitlines()
    assert not any("Traceback" in line for line in lines)
    return [line for line in lines if line.startswith("error: ")]


def test_exit_0_when_every_gate_holds(run: Path) -> None:
    assert evaluate(run, "--min-accuracy", "0.9", "--max-flips", "0") == 0


def test_exit_1_when_a_weight_changed_by_a_tenth(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_weight(run, 1.1)
    assert evaluate(run) == 1
    evaluation = json.loads((run / "evaluations" / "float32-cpu.json").read_text())
    assert evaluation["verdict"] == "fail"
    assert not evaluation["parity"]["within_tolerance"]
    assert "logits differ by more than" in capsys.readouterr().out


def test_exit_1_when_a_weight_is_nan(run: Path) -> None:
    change_weight(run, float("nan"))
    assert evaluate(run) == 1
    text = (run / "evaluations" / "float32-cpu.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["failures"][0].startswith("parity: ")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--min-accuracy", "1.01"], "--min-accuracy"),
        (["--atol", "0", "--rtol", "0"], "allows"),
    ],
)
def test_exit_1_when_a_gate_fails(run: Path, options: list[str], names: str) -> None:
    assert evaluate(run, *options) == 1
    evaluation = json.loads((run / "evaluations" / "float32-cpu.json").read_text())
    assert names in " ".join(evaluation["failures"])


def test_exit_1_when_the_median_is_above_the_gate(run: Path) -> None:
    options = ["--batch-sizes", "2", "--max-p50-ms", "0.000001"]
    assert main(["evaluate", "--run", str(run), *options]) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], None),
        (["trian"], "error: unknown command 'trian': wanted one of train, "),
        (["train", "--epochs", "0"], "error: --epochs: 0 is not in the range"),
        (["train", "--model", "lenet"], "error: --model: unknown network 'lenet': wanted one of"),
        (["train", "--nope"], "error: --nope: no such option"),
        (["train", "--dataset", "mnits"], "error: --dataset: unknown dataset 'mnits'"),
        (["train", "--device", "warp"], "error: --device: unknown device 'warp'"),
        (["train", "--val-split", "0.0001"], "error: --val-split: 0.0001 of "),
        (["train", "--subset", "0.0001"], "error: --subset: 0.0001 of "),
        (["train", "--lr", "nan"], "error: --lr: wanted a finite number, found nan"),
        (["train", "--seed", str(10**30)], "error: --seed: "),
        (["train", "--run", ""], "error: --run: wanted a directory's name"),
        (["train", "--run", "not-utf8-\udcff"], "error: 'not-utf8-\\udcff': is not valid UTF-8"),
        (["evaluate", "--min-accuracy", "nan"], "error: --min-accuracy: wanted a finite"),
        (["evaluate", "--max-p50-ms", "inf"], "error: --max-p50-ms: wanted a finite"),
        (["evaluate", "--batch-sizes", "9999999999"], "error: --batch-sizes: wanted integers"),
        (["evaluate", "--batch-sizes", "1,x"], "error: --batch-sizes: wanted integers"),
        (["evaluate", "--no-latency", "--max-p50-ms", "3"], "error: --max-p50-ms: "),
        (["evaluate", "--no-latency", "--max-p99-ms", "3"], "error: --max-p99-ms: "),
        (["evaluate", "--no-latency", "--min-speedup", "1"], "error: --min-speedup: "),
        (["evaluate", "--min-seconds", "inf"], "error: --min-seconds: wanted a finite"),
        (["evaluate", "--min-samples", "0"], "error: --min-samples: 0 is not in the range"),
        (["export", "--opset", "17"], "error: --opset: 17 is not in the range"),
        (["pipeline", "--models", "mlp,nope"], "error: --models: unknown network 'nope'"),
    ],
)
def test_exit_2_on_wrong_usage(
    arguments: list[str],
    line: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    errors = error_lines(capsys)
    assert len(errors) == (line is not None)
    assert errors == [] or (line is not None and errors[0].startswith(line))
    assert list(tmp_path.iterdir()) == []


def test_exit_2_when_the_provider_has_no_such_name(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(run, "--provider", "cdua") == 2
    assert "wanted one of cpu" in error_lines(capsys)[0]


def test_exit_3_when_the_provider_was_not_built_in(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = set(onnxruntime.get_all_providers()) - set(onnxruntime.get_available_providers())
    name = min(missing).removesuffix("ExecutionProvider").lower()
    assert evaluate(run, "--provider", name) == 3
    assert error_lines(capsys)[0].startswith(f"error: --provider {name}: ")
    assert not (run / "evaluations").exists()


def test_exit_3_when_the_device_is_not_here(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--dataset", str(tiny_npz), "--device", "cuda:99"]) == 3
    assert error_lines(capsys)[0].startswith("error: --device: cuda:99: ")


@pytest.mark.parametrize(
    "name", ["recipe.json", "weights.safetensors", "model.onnx", "reference.npz"]
)
def test_exit_4_when_a_file_is_not_what_its_record_says(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    assert evaluate(run) == 4
    assert name in error_lines(capsys)[0]
    assert not (run / "evaluations").exists()


@pytest.mark.parametrize("name", ["training.json", "export.json"])
def test_exit_4_when_a_record_is_damaged(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).write_text((run / name).read_text()[:-20])
    assert evaluate(run) == 4
    assert name in error_lines(capsys)[0]


def test_exit_4_when_the_network_was_trained_again(
    run: Path, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["--dataset", str(tiny_npz), "--model", "mlp", "--epochs", "1", "--seed", "5"]
    assert main(["train", *again, "--run", str(run)]) == 0
    capsys.readouterr()
    assert evaluate(run) == 4
    assert "model.onnx: was made from other weights" in error_lines(capsys)[0]


def test_exit_4_when_the_dataset_changed(
    run: Path, tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(tiny_npz) as arrays:
        changed = dict(arrays)
    changed["test_images"][0, 0, 0, 0] ^= 1
    np.savez(tmp_path / "tiny.npz", **changed)
    assert evaluate(run, "--dataset", str(tmp_path / "tiny.npz")) == 4
    assert "is not the dataset that the run was trained on" in error_lines(capsys)[0]


def test_exit_4_when_a_label_is_out_of_range(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with np.load(tiny_npz) as arrays:
        changed = dict(arrays)
    changed["test_labels"][4] = 3
    np.savez(tmp_path / "bad.npz", **changed)
    assert main(["train", "--dataset", "bad.npz"]) == 4
    (line,) = error_lines(capsys)
    assert "3" in line
    assert "4" in line


@pytest.mark.parametrize("arguments", [["export"], ["evaluate"]])
def test_exit_4_when_nothing_was_trained(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 4
    assert "no run was trained here yet" in error_lines(capsys)[0]


def test_exit_5_when_the_run_cannot_be_written(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    run = str(tmp_path / "file" / "run")
    assert main(["train", "--dataset", str(tiny_npz), "--run", run]) == 5
    assert "cannot be written" in error_lines(capsys)[0]
    assert (tmp_path / "file").read_text() == "in the way"


def test_exit_5_when_the_loss_is_no_number(
    run: Path, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    wild = ["--optimizer", "sgd", "--lr", "1e30", "--model", "mlp"]
    assert main(["train", "--dataset", str(tiny_npz), "--run", str(run), *wild]) == 5
    assert "try a smaller --lr" in capsys.readouterr().err
    after = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert after == before


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_exit_130_and_143_when_stopped_by_a_signal(
    number: signal.Signals, exit_code: int, tiny_npz: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "train", "--dataset", str(tiny_npz)]
    options = ["--model", "mlp", "--epochs", "100000", "--run", "run"]
    with subprocess.Popen(
        [*command, *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch "):
                break
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == exit_code
    assert f"stopped by {number.name}" in errors
    assert "Traceback" not in errors
    assert "internal" not in errors
    assert (tmp_path / "run" / "resume.pt").is_file()
    assert (tmp_path / "run" / "history.jsonl").read_text().startswith('{"epoch":1,')
    assert not list((tmp_path / "run").glob(".onnxproof-*"))
