from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto

from artifacts.evaluation_records import GraphOutput
from artifacts.export_records import TensorSpec
from artifacts.logits import LogitsFunction
from errors import ArtifactError, UnfinishedError, UsageError
from evaluate.graph_input import InputOptions, graph_input, logits_function
from evaluate.graph_output import graph_output, logits_reader
from evaluate.onnx_runtime import OnnxRunner
from evaluate.timed_call import onnx_host_call
from tests.evaluate import hostile_files as hostile

LOGITS = GraphOutput(name="logits", probabilities=False)


def spec(*shape: int | str, dtype: str = "float32", name: str = "x") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def test_output_is_the_one_named_logits_or_the_first_that_can_be() -> None:
    label, scores = spec("n", dtype="int64", name="label"), spec("n", 10, name="scores")
    logits, deep = spec("n", 10, name="logits"), spec("n", 10, 1, 1, name="deep")
    maps = spec("n", 10, 7, 7, name="maps")
    softmaxed = frozenset({"scores"})
    assert graph_output([label, scores, logits], softmaxed) == LOGITS
    assert graph_output([label, maps, scores], softmaxed).name == "scores"
    assert graph_output([scores], softmaxed).probabilities
    assert graph_output([deep], softmaxed).name == "deep"
    with pytest.raises(UsageError, match=r"wanted a float output .*, found label int64"):
        graph_output([label, maps], softmaxed)


@pytest.mark.parametrize("dtype", ["float8e4m3fn", "float8e5m2", "float4e2m1", "bfloat16"])
def test_output_whose_numbers_numpy_does_not_have_is_none(dtype: str) -> None:
    bits = spec("n", 10, dtype=dtype, name="logits")
    with pytest.raises(UsageError, match=f"wanted a float output .*, found logits {dtype}"):
        graph_output([bits], frozenset())
    assert graph_output([bits, spec("n", 10, name="scores")], frozenset()).name == "scores"


def test_float8_is_what_onnx_runtime_calls_it(tmp_path: Path) -> None:
    cast = hostile.NODE("Cast", ["flat"], ["logits"], to=TensorProto.FLOAT8E4M3FN)
    model = hostile.model_of([*hostile.FLOATS, cast], opset=19)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT8E4M3FN
    path = tmp_path / "float8.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=r"wanted a float output .*, found logits float8e4m3fn"):
        graph_output(OnnxRunner(path).outputs, frozenset())


def _function_of(model: ModelProto, path: Path) -> LogitsFunction:
    path.write_bytes(model.SerializeToString())
    runner = OnnxRunner(path)
    return logits_function(runner, graph_input(runner.inputs, (1, 2, 2), InputOptions()), LOGITS)


def test_number_of_classes_must_be_the_same_for_every_batch(tmp_path: Path) -> None:
    one, two, three = (np.full((2, 1, 2, 2), pixel, np.uint8) for pixel in (1, 2, 3))
    logits = _function_of(hostile.as_many_classes_as_the_brightest_pixel(), tmp_path / "x.onnx")
    assert logits(two).shape == (2, 2)
    assert logits(two).shape == (2, 2)
    for other, classes in ((one, 1), (three, 3)):
        with pytest.raises(UnfinishedError) as caught:
            logits(other)
        wanted = f"x.onnx: gives 2 classes for one batch and {classes} for another"
        assert str(caught.value) == f"{tmp_path / wanted}"


def test_timed_calls_must_have_the_same_number_of_classes_too(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(hostile.as_many_classes_as_the_brightest_pixel().SerializeToString())
    runner = OnnxRunner(path)
    form = graph_input(runner.inputs, (1, 2, 2), InputOptions())
    images = np.full((2, 1, 2, 2), 2, np.uint8)
    timed = onnx_host_call(runner, form, LOGITS, images)
    assert timed.logits(timed.call()).shape == (2, 2)
    images[:] = 3
    with pytest.raises(UnfinishedError, match="gives 2 classes for one batch and 3 for another"):
        timed.logits(timed.call())


def test_no_classes_are_too_few(tmp_path: Path) -> None:
    logits = _function_of(hostile.as_many_classes_as_the_brightest_pixel(), tmp_path / "x.onnx")
    with pytest.raises(UnfinishedError, match=r"x\.onnx: gives 0 classes$"):
        logits(np.zeros((2, 1, 2, 2), np.uint8))


def test_each_image_must_have_one_answer(tmp_path: Path) -> None:
    logits = _function_of(
        hostile.as_many_classes_as_the_brightest_pixel(axis=0), tmp_path / "x.onnx"
    )
    images = np.full((3, 1, 2, 2), 2, np.uint8)
    assert len(logits(images[:2])) == 2
    with pytest.raises(ArtifactError, match=r"x\.onnx: gives 2 answers for 3 images$"):
        logits(images)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 2), (3, 4, 1, 5), ()])
def test_output_of_another_shape_than_the_graph_had_said_is_none(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnfinishedError) as caught:
        logits_reader("x.onnx")(np.zeros(shape, np.float32), 3)
    assert caught.value.problem == (
        f"gives an output of shape {list(shape)}: wanted [batch, classes]"
    )
