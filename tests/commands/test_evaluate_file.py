"""`evaluate --onnx`: files that no run made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

from commands.main import main
from tests.evaluate.onnx_files import linear, linear_nodes, write_model

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images whose labels are what the linear classifier says of nine tenths of them."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (230, 1, 2, 2), dtype=np.uint8)
    labels = linear(images).argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % 3
    path = tmp_path / "data.npz"
    np.savez(
        path,
        train_images=images[:30],
        train_labels=labels[:30],
        test_images=images[30:],
        test_labels=labels[30:],
    )
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "linear.onnx", linear_nodes())


def evaluated(capsys: Capture, data: Path, model: Path, *options: str, code: int = 0) -> Any:
    arguments = ["--dataset", str(data), "--onnx", str(model), "--no-latency", "--json"]
    assert main(["evaluate", *arguments, *options]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_any_file_is_evaluated_and_what_was_not_checked_is_not_claimed(
    capsys: Capture, data: Path, model: Path
) -> None:
    evaluation = evaluated(capsys, data, model, "--min-accuracy", "0.9")
    assert evaluation["verdict"] == "pass"
    assert (evaluation["accuracy"]["correct"], evaluation["accuracy"]["examples"]) == (180, 200)
    assert evaluation["parity"] is None
    assert evaluation["reference_sha256"] is None
    assert evaluation["model"]["checkpoint_sha256"] is None
    assert evaluation["model"]["parameters"] == 15
    assert evaluation["model"]["opset"] == 18
    assert (evaluation["limit"], evaluation["limit_missing"]) == (None, None)  # nothing was timed
    written = Path("runs/data-linear.onnx/evaluations/float32-cpu.json")
    assert json.loads(written.read_text()) == evaluation
    assert main(["evaluate", "--dataset", str(data), "--onnx", str(model), "--no-latency"]) == 0
    assert "not checked: there is no reference" in capsys.readouterr().out


def test_fixed_batch_that_does_not_divide_the_split_counts_every_example_once(
    capsys: Capture, data: Path, tmp_path: Path
) -> None:
    fixed = write_model(tmp_path / "seven.onnx", linear_nodes(), shape=(7, 1, 2, 2))
    evaluation = evaluated(capsys, data, fixed)
    assert (evaluation["accuracy"]["correct"], evaluation["accuracy"]["examples"]) == (180, 200)
    assert evaluation["input"]["batch"] == 7


def test_float_input_in_another_layout_is_scaled_and_normalized(
    capsys: Capture, data: Path, tmp_path: Path
) -> None:
    """The graph undoes the scaling, so that right options give the same answers, wrong ones not."""
    undone = [
        helper.make_node("Transpose", ["pixels"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Constant", [], ["scale"], value_floats=[127.5]),
        helper.make_node("Constant", [], ["shift"], value_floats=[127.5]),
        helper.make_node("Mul", ["nchw", "scale"], ["wide"]),
        helper.make_node("Add", ["wide", "shift"], ["raw"]),
        *linear_nodes("raw"),
    ]
    path = write_model(tmp_path / "nhwc.onnx", undone, shape=("n", "h", "w", 1), dtype="float32")
    right = ("--input-scale", "1/255", "--mean", "0.5", "--std", "0.5", "--layout", "nhwc")
    assert evaluated(capsys, data, path, *right)["accuracy"]["correct"] == 180
    wrong = ("--input-scale", "1/255", "--mean", "0.4", "--std", "0.9", "--layout", "nhwc")
    evaluation = evaluated(capsys, data, path, *wrong, "--min-accuracy", "0.85", code=1)
    assert "is below --min-accuracy 0.85" in evaluation["failures"][0]
    assert evaluation["input"]["layout"] == "nhwc"
    assert evaluation["input"]["mean"] == [0.4]


def test_two_files_are_held_against_each_other(
    capsys: Capture, data: Path, model: Path, tmp_path: Path
) -> None:
    same = write_model(tmp_path / "same.onnx", linear_nodes(), shape=(9, 1, 2, 2))
    evaluation = evaluated(capsys, data, model, "--reference-onnx", str(same))
    assert evaluation["parity"]["reference"] == "onnx"
    assert evaluation["parity"]["within_tolerance"]
    assert evaluation["parity"]["float64"] is None
    changed = np.array([[1, -2, 0], [0, 1, -1], [-1, 0, 2], [1, 1, 1.01]], np.float32) / np.float32(
        8
    )
    other = write_model(tmp_path / "other.onnx", linear_nodes(), weight=changed)
    evaluation = evaluated(capsys, data, other, "--reference-onnx", str(model), "--explain", code=1)
    assert "logits differ by more than cpu-float32 allows" in evaluation["failures"][0]
    # The other file is computed as it is written: the difference is in what is written.
    assert evaluation["explanation"]["against"] == "unoptimized-cpu"
    assert evaluation["explanation"]["node"] is None


def test_probabilities_are_taken_as_such_and_not_held_against_logits(
    capsys: Capture, data: Path, model: Path, tmp_path: Path
) -> None:
    softmax = helper.make_node("Softmax", ["logits"], ["scores"], axis=1)
    path = write_model(tmp_path / "softmax.onnx", [*linear_nodes(), softmax], output="scores")
    error = evaluated(capsys, data, model)["accuracy"]["expected_calibration_error"]
    evaluation = evaluated(capsys, data, path)
    assert evaluation["output"] == {"name": "scores", "probabilities": True}
    assert evaluation["accuracy"]["expected_calibration_error"] == pytest.approx(error, abs=1e-6)
    arguments = ["--dataset", str(data), "--onnx", str(path), "--reference-onnx", str(model)]
    assert main(["evaluate", *arguments]) == 2
    assert "'logits' has logits, the other file's 'scores' probabilities" in capsys.readouterr().err


def test_work_that_no_rule_counts_is_missing_with_the_reason(
    capsys: Capture, data: Path, tmp_path: Path
) -> None:
    gelu = helper.make_node("Gelu", ["sums"], ["logits"], domain="com.microsoft")
    path = write_model(tmp_path / "gelu.onnx", [*linear_nodes(logits="sums"), gelu])
    model = onnx.load(path)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, path)
    options = ["--batch-sizes", "1", "--min-seconds", "0.02", "--json"]
    assert main(["evaluate", "--onnx", str(path), "--dataset", str(data), *options]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert evaluation["limit"]["peak_gflops"] > 0
    assert evaluation["latency"][0]["limit"] is None
    reason = "the graph's work is not known: no rule counts the operator com.microsoft::Gelu"
    assert evaluation["limit_missing"] == reason


def test_timing_is_of_the_batch_size_that_the_graph_fixes(
    capsys: Capture, data: Path, tmp_path: Path
) -> None:
    fixed = write_model(tmp_path / "seven.onnx", linear_nodes(), shape=(7, 1, 2, 2))
    arguments = ["--dataset", str(data), "--onnx", str(fixed), "--min-seconds", "0", "--json"]
    assert main(["evaluate", *arguments]) == 0
    (timing,) = json.loads(capsys.readouterr().out)["latency"]
    assert (timing["batch_size"], timing["pytorch"], timing["outputs_verified"]) == (7, None, True)
    assert main(["evaluate", *arguments, "--batch-sizes", "1,7"]) == 2
    assert "--batch-sizes: the graph fixes its batch size at 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        ([], 2, "error: --dataset: is missing"),
        (["--dataset", "digits"], 2, "error: --onnx: the graph's input 'images' takes"),
        (["--dataset", "DATA", "--run", "x"], 2, "error: --run: cannot be given with --onnx"),
        (["--dataset", "DATA", "--reference", "live"], 2, "error: --reference: wants a run"),
        (["--dataset", "DATA", "--input-scale", "1/0"], 2, "error: --input-scale: wanted a number"),
        (["--dataset", "DATA", "--mean", "1,x"], 2, "error: --mean: wanted a number"),
        (["--dataset", "DATA", "--input-scale", "0.1"], 2, "error: --input-scale: the graph's"),
        (["--dataset", "DATA", "--input-dtype", "float32"], 2, "error: --input-dtype: float32"),
        (["--dataset", "DATA", "--reference-onnx", "gone.onnx"], 4, "error: gone.onnx: no such"),
        (["--dataset", "DATA", "--max-p50-ms", "1"], 2, "error: --max-p50-ms: cannot be held to"),
        (
            ["--dataset", "DATA", "--provider-option", "x"],
            2,
            "error: --provider-option: wanted key",
        ),
        (["--dataset", "DATA", "--scenario", "offline"], 2, "error: --scenario: cannot be given"),
        (["--dataset", "DATA", "--cuda-graph"], 2, "error: --cuda-graph: cannot be given"),
        (["--dataset", "DATA", "--ray-workers", "2"], 2, "error: --ray-workers: wants --ray"),
        (["--dataset", "DATA", "--tf32"], 2, "error: --tf32: wants one of cuda, tensorrt"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(
    capsys: Capture, data: Path, model: Path, options: list[str], code: int, line: str
) -> None:
    given = [str(data) if word == "DATA" else word for word in options]
    assert main(["evaluate", "--onnx", str(model), "--no-latency", *given]) == code
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.out == ""
    assert not Path("runs").exists()


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a\x12\x00"])
def test_file_that_is_no_model_is_refused_by_name(
    capsys: Capture, data: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    assert main(["evaluate", "--onnx", str(path), "--dataset", str(data)]) == 4
    assert f"error: {path}: is no ONNX model" in capsys.readouterr().err


def test_file_whose_weights_lie_elsewhere_is_refused_by_name(
    capsys: Capture, data: Path, model: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs" / "linear.onnx"
    theirs.parent.mkdir()
    content = onnx.load(model)
    onnx.save(content, theirs, save_as_external_data=True, location="weights", size_threshold=0)
    assert evaluated(capsys, data, theirs)["accuracy"]["correct"] == 180
    (theirs.parent / "weights").rename(tmp_path / "weights")
    (theirs.parent / "weights").symlink_to(tmp_path / "weights")
    for option in ("--onnx", "--reference-onnx"):
        files = ["--onnx", str(model), option, str(theirs)]
        assert main(["evaluate", "--dataset", str(data), "--no-latency", *files]) == 4
        assert f"error: {theirs.parent / 'weights'}: is a link" in capsys.readouterr().err


def test_option_of_files_is_refused_with_a_run(capsys: Capture, tmp_path: Path) -> None:
    for option, value in (("--mean", "0.5"), ("--reference-onnx", "x"), ("--layout", "nhwc")):
        assert main(["evaluate", "--run", str(tmp_path), option, value]) == 2
        assert f"error: {option}: wants --onnx" in capsys.readouterr().err


def test_labels_that_the_model_has_no_class_for_are_an_error(
    capsys: Capture, data: Path, tmp_path: Path
) -> None:
    two = [
        *linear_nodes(logits="all"),
        helper.make_node("Constant", [], ["first"], value_ints=[0]),
        helper.make_node("Constant", [], ["second"], value_ints=[2]),
        helper.make_node("Constant", [], ["axis"], value_ints=[1]),
        helper.make_node("Slice", ["all", "first", "second", "axis"], ["logits"]),
    ]
    path = write_model(tmp_path / "two.onnx", two, classes=2)
    assert main(["evaluate", "--onnx", str(path), "--dataset", str(data)]) == 4
    assert "wanted 0 to 1: the model has 2 classes" in capsys.readouterr().err


def test_images_of_another_size_are_resized_where_that_is_asked(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for number, side in enumerate((6, 8, 9)):
        pixels = random.integers(0, 256, (side, side), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    options = ["--onnx", str(model), "--dataset", "photos", "--no-latency"]
    assert main(["evaluate", *options, "--image-size", "3"]) == 2
    assert "hint: resize the images as they are read: --image-size 2x2" in capsys.readouterr().err
    assert main(["evaluate", *options, "--image-size", "2", "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert (evaluation["dataset"]["examples"], evaluation["accuracy"]) == (3, None)
    assert main(["evaluate", "--image-size", "2", "--no-latency"]) == 2
    assert "--image-size: wants --onnx" in capsys.readouterr().err
