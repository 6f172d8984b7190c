"""INT8: what it costs is measured on the validation split, and bad layers are put back."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from commands.main import main
from data import load_dataset
from errors import UnfinishedError, UsageError
from export.int8 import Int8Options, dynamic_int8, static_int8
from export.judge import divergence
from export.layers import asked_layers, layers_of
from export.pixels import quantized_pixels, reads_pixels
from tests.export.reducing import engine, logits_of, nothing, reduction_of, scale


def model_of(run: Path) -> onnx.ModelProto:
    return onnx.load(run / "model.onnx")


def with_bad_layer(run: Path) -> onnx.ModelProto:
    """One hidden value of the first layer becomes huge, and the second layer ignores it.

    float32 gives the same answers. In INT8 one scale stands for all hidden values, so that all
    others are rounded away.
    """

    def loud(values: NDArray[np.float32]) -> None:
        values[0] = 1000.0  # of the weights a row, of the biases one

    def ignored(values: NDArray[np.float32]) -> None:
        values[:, 0] = 0.0

    model = model_of(run)
    scale(model, "network.1.bias", loud)
    scale(model, "network.3.weight", ignored)
    return model


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_int8_is_a_quarter_of_the_size_and_nearly_as_accurate(
    finished_run: Path, tiny_npz: Path, tmp_path: Path, method: str
) -> None:
    model = model_of(finished_run)
    options = Int8Options(method=method)  # type: ignore[arg-type]
    reduced = static_int8(model, reduction_of(tiny_npz), options, engine(), nothing)
    onnx.checker.check_model(reduced.model, full_check=True)
    found = reduced.quantization
    assert found is not None
    assert (found.layers, found.float32_layers, found.ranges.method) == (3, (), method)
    assert found.calibration is not None
    assert found.calibration.images == 64
    weights = [
        weight
        for weight in reduced.model.graph.initializer
        if weight.data_type == onnx.TensorProto.INT8 and len(weight.dims) == 2
    ]
    assert len(weights) == 3
    images = load_dataset(str(tiny_npz)).test.images
    wanted, answers = (logits_of(one, images, tmp_path) for one in (model, reduced.model))
    assert (wanted.argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.95
    assert len(np.unique(answers[:, 0])) > 50  # logits are not rounded to 8 bits


def test_layer_that_quantizes_badly_is_found_and_put_back(
    finished_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    model = with_bad_layer(finished_run)
    options = Int8Options(method="minmax")
    reduced = static_int8(model, reduction_of(tiny_npz), options, engine(), nothing)
    found = reduced.quantization
    assert found is not None
    validation = found.validation
    lost = validation.float32_correct - validation.all_int8_correct
    assert 100 * lost / validation.examples > 10  # all INT8 spoils it
    allowed = validation.max_accuracy_drop * validation.examples / 100
    assert validation.float32_correct - validation.correct <= allowed
    kept = [layer.layer for layer in found.float32_layers]
    assert "3" in kept  # it reads the huge value
    assert "5" not in kept  # it is sound, and stays INT8
    assert all(layer.reason == "accuracy" for layer in found.float32_layers)
    harms = [layer.divergence or 0.0 for layer in found.float32_layers]
    assert harms == sorted(harms, reverse=True)
    assert found.float32_layers[-1].correct == validation.correct
    images = load_dataset(str(tiny_npz)).test.images
    wanted, answers = (logits_of(one, images, tmp_path) for one in (model, reduced.model))
    assert (wanted.argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.95


def with_rare_outliers(run: Path) -> onnx.ModelProto:
    """A hidden value that is huge where the first pixel is white, which the next layer ignores."""

    def spike(values: NDArray[np.float32]) -> None:
        values[0] = 0.0
        values[0, 0] = 1000.0

    def silent(values: NDArray[np.float32]) -> None:
        values[0] = -1000.0

    def ignored(values: NDArray[np.float32]) -> None:
        values[:, 0] = 0.0

    model = model_of(run)
    scale(model, "network.1.weight", spike)
    scale(model, "network.1.bias", silent)
    scale(model, "network.3.weight", ignored)
    return model


def test_other_ranges_are_tried_where_a_few_values_are_far_above_the_others(
    finished_run: Path, tiny_npz: Path
) -> None:
    model = with_rare_outliers(finished_run)
    reduced = static_int8(model, reduction_of(tiny_npz), Int8Options(), engine(), nothing)
    found = reduced.quantization
    assert found is not None
    assert found.float32_layers == ()  # nothing had to be put back
    assert found.tried_ranges[0].method == "minmax"
    assert found.ranges.method != "minmax"
    assert found.ranges.correct > found.tried_ranges[0].correct
    others = [ranges.divergence or 0.0 for ranges in found.tried_ranges]
    assert (found.ranges.divergence or 0.0) < min(others)
    assert found.ranges.correct == found.validation.correct


def test_bad_layers_stay_int8_where_the_loss_is_allowed(finished_run: Path, tiny_npz: Path) -> None:
    options = Int8Options(max_accuracy_drop=100)
    reduced = static_int8(
        with_bad_layer(finished_run), reduction_of(tiny_npz), options, engine(), nothing
    )
    assert reduced.quantization is not None
    assert reduced.quantization.float32_layers == ()


def test_graph_that_loses_too_much_with_all_but_one_layer_is_refused(
    finished_run: Path, tiny_npz: Path
) -> None:
    """Every layer reads or gives a huge value; what is left in INT8 spoils the answers."""
    model = with_bad_layer(finished_run)

    def loud(values: NDArray[np.float32]) -> None:
        values[0] = 1000.0

    def ignored(values: NDArray[np.float32]) -> None:
        values[:, 0] = 0.0

    scale(model, "network.3.bias", loud)
    scale(model, "network.5.weight", ignored)
    options = Int8Options(method="minmax", max_accuracy_drop=0, float32_layers=("first", "3"))
    with pytest.raises(UnfinishedError, match="points of the validation accuracy") as caught:
        static_int8(model, reduction_of(tiny_npz), options, engine(), nothing)
    assert "--max-accuracy-drop 0" in caught.value.problem
    assert caught.value.hint is not None


def test_asked_layers_stay_in_float32(finished_run: Path, tiny_npz: Path) -> None:
    model = model_of(finished_run)
    options = Int8Options(float32_layers=("last", "1"))
    reduced = static_int8(model, reduction_of(tiny_npz), options, engine(), nothing)
    assert reduced.quantization is not None
    kept = reduced.quantization.float32_layers
    assert [(layer.layer, layer.reason) for layer in kept] == [("1", "asked"), ("5", "asked")]
    names = {weight.name: weight.data_type for weight in reduced.model.graph.initializer}
    assert names["network.1.weight"] == onnx.TensorProto.FLOAT
    assert not reads_pixels(reduced.model.graph)  # the first layer reads normalized images


def test_unknown_layer_is_refused_with_those_that_there_are(finished_run: Path) -> None:
    layers = layers_of(model_of(finished_run).graph)
    with pytest.raises(UsageError, match="no layer 'conv1': wanted first, last, or some of 1, 3"):
        asked_layers(("conv1",), layers)
    with pytest.raises(UsageError, match="leaves no layer to quantize"):
        asked_layers(("1", "3", "5"), layers)


def test_dynamic_int8_quantizes_the_linear_layers(
    finished_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    model = model_of(finished_run)
    reduced = dynamic_int8(model, reduction_of(tiny_npz), Int8Options(), engine(), nothing)
    onnx.checker.check_model(reduced.model, full_check=True)
    assert reduced.quantization is not None
    assert reduced.quantization.calibration is None
    operators = [node.op_type for node in reduced.model.graph.node]
    assert operators.count("MatMulInteger") == 3
    assert "Gemm" not in operators
    images = load_dataset(str(tiny_npz)).test.images
    wanted, answers = (logits_of(one, images, tmp_path) for one in (model, reduced.model))
    assert (wanted.argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.95


def test_pixels_are_read_as_the_quantized_values_that_they_are(
    finished_run: Path, tiny_npz: Path
) -> None:
    model = model_of(finished_run)
    pixels = quantized_pixels(model.graph)
    assert pixels is not None
    mean, std = (
        float(numpy_helper.to_array(weight).item())
        for name in ("mean", "std")
        for weight in model.graph.initializer
        if weight.name == name
    )
    assert (pixels.scale, pixels.zero_point) == (1 / std, round(mean))
    every_pixel = np.arange(256)
    dequantized = (every_pixel - pixels.zero_point) * pixels.scale
    assert np.abs(dequantized - (every_pixel - mean) / std).max() <= 0.5 / std
    reduced = static_int8(model, reduction_of(tiny_npz), Int8Options(), engine(), nothing)
    assert reduced.quantization is not None
    assert reduced.quantization.pixels_are_quantized
    operators = {node.op_type for node in reduced.model.graph.node}
    assert operators.isdisjoint({"Cast", "Sub", "Div"})


def test_channels_with_different_normalization_are_quantized_after_it(finished_run: Path) -> None:
    model = model_of(finished_run)
    (mean,) = (weight for weight in model.graph.initializer if weight.name == "mean")
    mean.CopyFrom(numpy_helper.from_array(np.array([[[[1.0]], [[2.0]]]], np.float32), "mean"))
    assert quantized_pixels(model.graph) is None


def test_grey_pixels_that_become_three_channels_are_quantized_after_it(finished_run: Path) -> None:
    """Of a network for colours: three means, all alike, make three channels of one."""
    model = model_of(finished_run)
    for name in ("mean", "std"):
        (weight,) = (weight for weight in model.graph.initializer if weight.name == name)
        values = np.repeat(numpy_helper.to_array(weight), 3, axis=1)
        weight.CopyFrom(numpy_helper.from_array(values, name))
    assert quantized_pixels(model.graph) is None


def test_signed_activations_have_the_zero_point_that_tensorrt_wants(
    finished_run: Path, tiny_npz: Path
) -> None:
    options = Int8Options(activations="int8")
    model = model_of(finished_run)
    reduced = static_int8(model, reduction_of(tiny_npz), options, engine(), nothing)
    zero_points = [
        numpy_helper.to_array(weight)
        for weight in reduced.model.graph.initializer
        if weight.name.endswith("zero_point")
    ]
    assert zero_points
    assert all((values == 0).all() for values in zero_points)


def test_divergence_is_that_of_the_definition() -> None:
    wanted, found = np.array([[0.7, 0.3], [0.5, 0.5]]), np.array([[0.6, 0.4], [0.5, 0.5]])
    by_hand = (0.7 * np.log(0.7 / 0.6) + 0.3 * np.log(0.3 / 0.4)) / 2
    assert divergence(np.log(wanted), np.log(found)) == pytest.approx(by_hand)
    assert divergence(np.log(wanted), np.log(wanted)) == 0
    assert divergence(np.log(wanted), np.full((2, 2), np.nan)) > 1e300


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def test_variants_lie_beside_float32_each_with_its_record(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    float32 = (run / "model.onnx").read_bytes()
    for precision in ("int8", "int8-dynamic", "fp16"):
        assert main(["export", "--run", str(run), "--precision", precision]) == 0
        assert (run / f"model.{precision}.onnx").is_file()
    assert (run / "model.onnx").read_bytes() == float32
    variants = json.loads((run / "export.json").read_text())["variants"]
    assert list(variants) == ["float32", "int8", "int8-dynamic", "fp16"]
    assert variants["int8"]["float32_sha256"] == variants["float32"]["onnx_sha256"]
    assert variants["int8"]["quantization"]["calibration"]["split"] == "train"
    assert main(["verify", str(run)]) == 0


def test_variant_is_reproducible(run: Path) -> None:
    for precision in ("int8", "int8-dynamic", "fp16"):
        assert main(["export", "--run", str(run), "--precision", precision]) == 0
        before = (run / f"model.{precision}.onnx").read_bytes()
        assert main(["export", "--run", str(run), "--precision", precision]) == 0
        assert (run / f"model.{precision}.onnx").read_bytes() == before


def test_float32_is_exported_first_where_it_is_missing(run: Path) -> None:
    (run / "export.json").unlink()
    (run / "model.onnx").unlink()
    assert main(["export", "--run", str(run), "--precision", "int8", "--opset", "21"]) == 0
    variants = json.loads((run / "export.json").read_text())["variants"]
    assert {name: variant["opset"] for name, variant in variants.items()} == {
        "float32": 21,
        "int8": 21,
    }


def test_variant_of_a_damaged_float32_graph_is_made_of_a_new_one(run: Path) -> None:
    (run / "model.onnx").write_bytes(b"damaged")
    assert main(["export", "--run", str(run), "--precision", "fp16"]) == 0
    assert main(["verify", str(run), "--no-recompute"]) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--calibration", "entropy"], "--calibration: wants --precision int8"),
        (["--keep-float32", "first", "--precision", "fp16"], "--keep-float32: wants"),
        (["--calibration-images", "9", "--precision", "int8-dynamic"], "--calibration-images"),
        (["--precision", "int8", "--keep-float32", "conv9"], "no layer 'conv9'"),
        (["--precision", "bf16", "--opset", "20", "--provider", "cuda"], ""),
    ],
)
def test_options_that_do_not_fit_are_refused(
    run: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    code = main(["export", "--run", str(run), *options])
    assert code == (2 if told else 3)
    assert told in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_images_without_labels_cannot_calibrate(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    photos = Path("photos")
    photos.mkdir()
    for number in range(3):
        Image.new("L", (8, 8), 50 * number).save(photos / f"{number}.png")
    imported = ("--checkpoint", str(run / "weights.safetensors"), "--model", "mlp")
    arguments = ["export", "--dataset", str(photos), "--run", "other", *imported]
    assert main([*arguments, "--precision", "int8"]) == 4
    assert "has no training images" in capsys.readouterr().err
