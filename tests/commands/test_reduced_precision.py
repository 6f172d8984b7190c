"""Variants from export to verdict, and what happens when one is spoilt."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from artifacts.files import sha256_of_file
from commands.main import main
from untrusted.sealed_json import sealed

Capture = pytest.CaptureFixture[str]
QUICK = ("--batch-sizes", "1,4", "--min-seconds", "0.01")


@pytest.fixture(scope="module")
def reduced_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("reduced") / "run"))
    for precision in ("fp16", "int8", "int8-dynamic"):
        assert main(["export", "--run", str(run), "--precision", precision]) == 0
    return run


@pytest.fixture
def run(reduced_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(reduced_run, tmp_path / "run"))


def evaluated(capsys: Capture, run: Path, *options: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main(["evaluate", "--run", str(run), "--json", *options]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("fp16", "cpu-float16"), ("int8", "cpu-int8"), ("int8-dynamic", "cpu-int8-dynamic")],
)
def test_variant_is_proved_by_a_tolerance_of_its_own_and_timed_beside_float32(
    capsys: Capture, run: Path, precision: str, tolerance: str
) -> None:
    evaluation = evaluated(capsys, run, "--precision", precision, *QUICK)
    assert evaluation["verdict"] == "pass"
    assert evaluation["model"]["precision"] == precision
    assert evaluation["model"]["file_bytes"] == (run / f"model.{precision}.onnx").stat().st_size
    assert evaluation["parity"]["tolerance"] == tolerance
    loss = evaluation["accuracy_loss"]
    assert loss["allowed_points"] == 0.5
    counts = evaluation["parity"]["pytorch_accuracy"]["correct"], evaluation["accuracy"]["correct"]
    assert loss["only_reference"] - loss["only_onnx"] == counts[0] - counts[1]
    for timing in evaluation["latency"]:
        ratio = timing["float32"]["p50_ms"] / timing["p50_ms"]
        assert timing["float32_speedup"] == pytest.approx(ratio)
        assert timing["pytorch"] is not None
    assert (run / "evaluations" / f"{precision}-cpu.json").is_file()


def test_pytorch_of_now_is_held_to_float32_s_tolerance(capsys: Capture, run: Path) -> None:
    options = ("--precision", "int8", "--reference", "live", "--no-latency")
    evaluation = evaluated(capsys, run, *options)
    assert evaluation["parity"]["live"]["max_abs"] < 1e-5
    with np.load(run / "reference.npz") as reference:
        arrays = dict(reference)
    arrays["float32"][3] += 0.5  # far less than INT8 may be off
    np.savez(run / "reference.npz", **arrays)
    record = json.loads((run / "export.json").read_text())
    record["reference"]["sha256"] = sha256_of_file(run / "reference.npz")
    record["reference"]["bytes"] = (run / "reference.npz").stat().st_size
    (run / "export.json").write_text(json.dumps(sealed(record)))
    evaluation = evaluated(capsys, run, *options, code=1)
    assert "PyTorch's logits of now are not the recorded ones" in evaluation["failures"][0]


def test_float32_has_nothing_beside_it(capsys: Capture, run: Path) -> None:
    evaluation = evaluated(capsys, run, *QUICK)
    assert evaluation["accuracy_loss"] is None
    assert evaluation["latency"][0]["float32"] is None


def test_variant_is_proved_where_float32_is_damaged(capsys: Capture, run: Path) -> None:
    (run / "model.onnx").write_bytes(b"damaged")
    capsys.readouterr()
    arguments = ["evaluate", "--run", str(run), "--precision", "int8", *QUICK]
    assert main(arguments) == 0
    assert "float32 is not timed beside int8" in capsys.readouterr().err


def spoil(run: Path) -> None:
    """Make an INT8 file as a bad calibration would: ranges so wide that values are rounded away."""
    path = run / "model.int8.onnx"
    model = onnx.load(path)
    for weight in model.graph.initializer:
        if weight.name.startswith("relu") and weight.name.endswith("_scale"):
            values = numpy_helper.to_array(weight) * np.float32(100)
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(model, path)
    record = json.loads((run / "export.json").read_text())
    record["variants"]["int8"]["onnx_sha256"] = sha256_of_file(path)
    record["variants"]["int8"]["file_bytes"] = path.stat().st_size
    (run / "export.json").write_text(json.dumps(sealed(record)))


def test_int8_that_loses_accuracy_fails(capsys: Capture, run: Path) -> None:
    spoil(run)
    evaluation = evaluated(capsys, run, "--precision", "int8", "--no-latency", code=1)
    told = "\n".join(evaluation["failures"])
    assert "the reduced precision loses" in told
    assert "more than chance" in told
    assert evaluation["accuracy_loss"]["more_than_chance"]


def test_what_may_be_lost_is_what_was_allowed_at_the_export(capsys: Capture, run: Path) -> None:
    options = ["--precision", "int8", "--max-accuracy-drop", "100"]
    assert main(["export", "--run", str(run), *options]) == 0
    spoil(run)
    evaluation = evaluated(capsys, run, "--precision", "int8", "--no-latency", code=1)
    assert evaluation["accuracy_loss"]["allowed_points"] == 100
    assert not any("reduced precision loses" in failure for failure in evaluation["failures"])


def test_predict_takes_a_variant(capsys: Capture, run: Path) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 200).save("a.png")
    answers = {}
    for precision in ("float32", "int8"):
        capsys.readouterr()
        arguments = ["predict", "a.png", "--run", str(run), "--precision", precision, "--json"]
        assert main(arguments) == 0
        answers[precision] = json.loads(capsys.readouterr().out)
    assert answers["float32"] != answers["int8"]


def test_variant_that_was_not_exported_is_told_how_to_make(
    capsys: Capture, finished_run: Path
) -> None:
    assert main(["evaluate", "--run", str(finished_run), "--precision", "int8"]) == 4
    told = capsys.readouterr().err
    assert "no variant 'int8': found float32" in told
    assert "--precision int8" in told.splitlines()[-1]


def test_files_of_others_are_known_by_their_operators(capsys: Capture, run: Path) -> None:
    dataset = json.loads((run / "recipe.json").read_text())["dataset"]["source"]
    for precision in ("fp16", "int8", "int8-dynamic"):
        file = ("--onnx", str(run / f"model.{precision}.onnx"), "--dataset", dataset)
        capsys.readouterr()
        assert main(["evaluate", *file, "--no-latency", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["model"]["precision"] == precision


def test_files_of_others_are_held_against_their_float32_file(capsys: Capture, run: Path) -> None:
    dataset = json.loads((run / "recipe.json").read_text())["dataset"]["source"]
    pair = ("--onnx", str(run / "model.int8.onnx"), "--reference-onnx", str(run / "model.onnx"))
    capsys.readouterr()
    assert main(["evaluate", *pair, "--dataset", dataset, "--no-latency", "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert evaluation["parity"]["tolerance"] == "cpu-int8"
    assert evaluation["accuracy_loss"]["allowed_points"] == 0.5
