import logging
from pathlib import Path

import numpy as np
import pytest

from artifacts.choices import InputDtype, Layout
from artifacts.evaluation_records import GraphOutput
from artifacts.export_records import TensorSpec
from errors import UsageError
from evaluate.graph_input import (
    InputOptions,
    graph_input,
    logits_function,
    preparation,
)
from evaluate.onnx_runtime import OnnxRunner
from tests.evaluate.onnx_files import images_of, linear, linear_nodes, write_model

LOGITS = GraphOutput(name="logits", probabilities=False)


def spec(*shape: int | str, dtype: str = "float32", name: str = "x") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("shape", "layout", "batch"),
    [
        (("batch", 3, 8, 9), "nchw", None),
        (("batch", 8, 9, 3), "nhwc", None),
        ((1, 3, 8, 9), "nchw", 1),
        ((32, "height", "width", 3), "nhwc", 32),
        (("?", 3, "?", "?"), "nchw", None),
    ],
)
def test_layout_and_batch_are_those_of_the_shape(
    shape: tuple[int | str, ...], layout: Layout, batch: int | None
) -> None:
    form = graph_input([spec(*shape)], (3, 8, 9), InputOptions())
    assert (form.layout, form.batch, form.name, form.dtype) == (layout, batch, "x", "float32")


def test_layout_that_the_shape_does_not_tell_must_be_said() -> None:
    unknown = spec("n", "a", "b", "c")
    with pytest.raises(UsageError, match="does not tell: say nchw or nhwc") as caught:
        graph_input([unknown], (3, 8, 9), InputOptions())
    assert caught.value.subject == "--layout"
    assert graph_input([unknown], (3, 8, 9), InputOptions(layout="nhwc")).layout == "nhwc"
    with pytest.raises(UsageError, match="3 channels of 8x9 pixels"):
        graph_input([spec("n", 3, 8, 9)], (3, 8, 9), InputOptions(layout="nhwc"))


@pytest.mark.parametrize("shape", [("n", 3, 224, 224), ("n", 1, 8, 9), ("n", 9, 8, 3)])
def test_images_that_the_graph_does_not_take_are_refused_with_both_shapes(
    shape: tuple[int | str, ...],
) -> None:
    with pytest.raises(UsageError, match=r"takes .*; the dataset has 3 channels of 8x9 pixels"):
        graph_input([spec(*shape)], (3, 8, 9), InputOptions())


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([], "one input, found none"),
        ([spec("n", 1), spec("n", 2, name="y")], "one input, found x .*, y"),
        ([spec("n", 784)], "four dimensions, found x"),
        ([spec("n", 1, 28, 28, dtype="string")], "input 'x' takes string: wanted one of uint8, "),
        ([spec("n", 1, 28, 28, dtype="bfloat16")], "input 'x' takes bfloat16: wanted one of"),
        ([spec(0, 1, 28, 28)], "input 'x' takes batches of 0: wanted 1 image or more"),
        ([spec(-3, 1, 28, 28)], "input 'x' takes batches of -3"),
        ([spec("n", 1, 0, 28)], r"takes \['n', 1, 0, 28\]: wanted images that have pixels"),
    ],
)
def test_graph_that_takes_no_images_is_refused(inputs: list[TensorSpec], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        graph_input(inputs, (1, 28, 28), InputOptions())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (InputOptions(dtype="uint8"), "--input-dtype: uint8: the graph's input 'x' is float32"),
        (InputOptions(mean=(1.0, 2.0)), "--mean: wanted one number, or 3 of them, found 2"),
        (InputOptions(std=(1.0, 0.0, 1.0)), "--std: wanted numbers above zero"),
    ],
)
def test_option_that_does_not_fit_is_refused_by_name(options: InputOptions, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        graph_input([spec("n", 3, 8, 9)], (3, 8, 9), options)


def test_scaling_of_pixels_that_stay_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="takes uint8 pixels as they are") as caught:
        graph_input([spec("n", 3, 8, 9, dtype="uint8")], (3, 8, 9), InputOptions(scale=0.5))
    assert caught.value.subject == "--input-scale"


def test_float_pixels_of_which_nothing_is_said_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "onnxproof"):
        graph_input([spec("n", 3, 8, 9, dtype="uint8")], (3, 8, 9), InputOptions())
        graph_input([spec("n", 3, 8, 9)], (3, 8, 9), InputOptions(scale=1.0))
        assert caplog.messages == []
        graph_input([spec("n", 3, 8, 9)], (3, 8, 9), InputOptions())
    (message,) = caplog.messages
    assert "'x' is given pixels from 0 to 255 as float32" in message


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pixels_are_scaled_then_normalized_then_laid_out(dtype: InputDtype, layout: Layout) -> None:
    images = images_of(5, channels=3)
    shape = ("n", 3, 2, 2) if layout == "nchw" else ("n", 2, 2, 3)
    options = InputOptions(scale=1 / 255, mean=(0.5, 0.25, 0.125), std=(0.5,), layout=layout)
    form = graph_input([spec(*shape, dtype=dtype)], (3, 2, 2), options)
    values = preparation(form)(images)
    channels = [(images[:, c] / 255 - mean) / 0.5 for c, mean in enumerate((0.5, 0.25, 0.125))]
    wanted = np.stack(channels, axis=1 if layout == "nchw" else 3)
    assert values.dtype == dtype
    assert values.flags.c_contiguous
    assert np.allclose(values, wanted, atol=1e-3 if dtype == "float16" else 1e-6)


def test_bytes_are_given_as_they_are_and_not_copied() -> None:
    images = images_of(5)
    form = graph_input([spec("n", 1, 2, 2, dtype="uint8")], (1, 2, 2), InputOptions())
    assert preparation(form)(images) is images


@pytest.mark.parametrize("examples", [1, 3, 4, 5, 8, 9])
def test_fixed_batch_is_filled_up_and_the_filling_is_not_counted(
    tmp_path: Path, examples: int
) -> None:
    path = write_model(tmp_path / "four.onnx", linear_nodes(), shape=(4, 1, 2, 2))
    runner = OnnxRunner(path)
    form = graph_input(runner.inputs, (1, 2, 2), InputOptions())
    images = images_of(examples)
    logits = logits_function(runner, form, LOGITS)(images)
    assert np.array_equal(logits, linear(images))
