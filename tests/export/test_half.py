"""float16 and bfloat16: overflows are found, and only what overflows stays in float32."""

import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from artifacts.logits import Images, Logits
from commands.main import main
from data import load_dataset
from export.half import half_precision, overflowing_nodes
from export.half_graph import LARGEST, half_graph
from export.layers import layers_of
from tests.export.reducing import (
    engine,
    logits_of,
    nothing,
    reduction_of,
    scale,
    times,
)

PLANTED = "network.1"  # its outputs become too large, and the next layer takes that back


def model_of(run: Path) -> onnx.ModelProto:
    return onnx.load(run / "model.onnx")


def with_overflow(run: Path, factor: float = 1e5) -> onnx.ModelProto:
    model = model_of(run)
    for name in (f"{PLANTED}.weight", f"{PLANTED}.bias"):
        scale(model, name, times(factor))
    scale(model, "network.3.weight", times(1 / factor))
    return model


def test_graph_without_overflow_is_half_as_a_whole(
    finished_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    model = model_of(finished_run)
    reduced = half_precision(model, "float16", reduction_of(tiny_npz), engine(), nothing)
    assert reduced.half_precision is not None
    assert reduced.half_precision.float32_nodes == ()
    weights = {weight.data_type for weight in reduced.model.graph.initializer}
    assert TensorProto.FLOAT not in weights
    casts = [node for node in reduced.model.graph.node if node.op_type == "Cast"]
    assert len(casts) == 2  # of the pixels, and of the logits
    images = load_dataset(str(tiny_npz)).test.images
    wanted, found = (logits_of(one, images, tmp_path) for one in (model, reduced.model))
    assert found.dtype == np.float32
    assert 0 < np.abs(found - wanted).max() < 0.02


def test_planted_overflow_is_found_and_kept_in_float32(
    finished_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    model = with_overflow(finished_run)
    images = load_dataset(str(tiny_npz)).test.images
    wanted = logits_of(model, images, tmp_path)
    reduced = half_precision(model, "float16", reduction_of(tiny_npz), engine(), nothing)
    assert reduced.half_precision is not None
    kept = {node.layer: node for node in reduced.half_precision.float32_nodes}
    assert "1" in kept
    assert kept["1"].max_abs is not None
    assert kept["1"].max_abs > LARGEST["float16"]
    assert "5" not in kept  # the last layer is half
    found = logits_of(reduced.model, images, tmp_path)
    assert np.abs(found - wanted).max() < 0.02


def by_reference(model: onnx.ModelProto, images: Images) -> Logits:
    """What ONNX's own evaluator computes, in numpy."""
    (logits,) = ReferenceEvaluator(model).run(["logits"], {"images": images})
    return np.asarray(logits)


def test_planted_overflow_spoils_the_answers_where_it_is_not_kept(
    finished_run: Path, tiny_npz: Path
) -> None:
    """By ONNX's reference in numpy, which computes in float16.

    ONNX Runtime's CPU provider does not show it: between two casts it computes in float32.
    """
    model = with_overflow(finished_run)
    images = np.array(load_dataset(str(tiny_npz)).test.images)
    wanted = by_reference(model, images)
    with np.errstate(all="ignore"):
        spoilt, sound = (
            by_reference(ir.serde.serialize_model(half_graph(model, "float16", nodes)), images)
            for nodes in ((), ("node_linear", "node_relu", "node_linear_1"))
        )
    assert not np.isfinite(spoilt).all()
    assert np.abs(sound - wanted).max() < 0.02


def test_values_near_the_limit_are_kept_too(finished_run: Path) -> None:
    graph = model_of(finished_run).graph
    first = layers_of(graph)[0]
    output = next(node.output[0] for node in graph.node if node.name == first.node)
    limit = LARGEST["float16"] / 2
    assert overflowing_nodes(graph, {output: 0.99 * limit}, limit) == ()
    kept = overflowing_nodes(graph, {output: 1.01 * limit}, limit)
    assert [node.op_type for node in kept] == ["Gemm", "Relu"]  # who gives it and who takes it
    infinite = overflowing_nodes(graph, {output: math.inf}, limit)
    assert infinite[0].max_abs is None


def test_bfloat16_needs_no_node_in_float32(finished_run: Path, tiny_npz: Path) -> None:
    reduced = half_precision(
        with_overflow(finished_run), "bfloat16", reduction_of(tiny_npz), engine(), nothing
    )
    assert reduced.half_precision is not None
    assert reduced.half_precision.float32_nodes == ()
    onnx.checker.check_model(reduced.model, full_check=True)
    weights = {weight.data_type for weight in reduced.model.graph.initializer}
    assert TensorProto.BFLOAT16 in weights
    assert TensorProto.FLOAT not in weights


def test_bfloat16_is_refused_where_the_provider_has_none(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished_run / "export.json").read_bytes()
    assert main(["export", "--run", str(finished_run), "--precision", "bf16"]) == 3
    assert "cpu provider does not compute in bfloat16" in capsys.readouterr().err
    assert (finished_run / "export.json").read_bytes() == before


def graph_of(nodes: list[onnx.NodeProto], weights: list[TensorProto]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 1, 4, 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def test_parameters_that_must_be_float32_stay_and_data_becomes_half(tmp_path: Path) -> None:
    """`scales` of Resize is float32 in every precision; the constant beside it is data."""
    value = helper.make_tensor("", TensorProto.FLOAT, [1], [0.5])
    model = graph_of(
        [
            helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT, name="cast"),
            helper.make_node("Resize", ["x", "", "scales"], ["large"], name="resize"),
            helper.make_node("Constant", [], ["half"], value=value, name="constant"),
            helper.make_node("Mul", ["large", "half"], ["product"], name="mul"),
            helper.make_node("Flatten", ["product"], ["logits"], name="flatten"),
        ],
        [helper.make_tensor("scales", TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0])],
    )
    reduced = ir.serde.serialize_model(half_graph(model, "float16", ()))
    onnx.checker.check_model(reduced, full_check=True)
    images = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)
    wanted, found = (logits_of(one, images, tmp_path) for one in (model, reduced))
    np.testing.assert_array_equal(found, wanted)  # small whole numbers are exact
    (scales,) = reduced.graph.initializer
    assert (scales.name, scales.data_type) == ("scales", TensorProto.FLOAT)


def test_weight_that_both_precisions_use_is_there_twice(tmp_path: Path) -> None:
    model = graph_of(
        [
            helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT, name="cast"),
            helper.make_node("Mul", ["x", "factor"], ["a"], name="whole"),
            helper.make_node("Add", ["a", "factor"], ["b"], name="half"),
            helper.make_node("Flatten", ["b"], ["logits"], name="flatten"),
        ],
        [helper.make_tensor("factor", TensorProto.FLOAT, [], [0.1])],
    )
    reduced = ir.serde.serialize_model(half_graph(model, "float16", {"whole"}))
    onnx.checker.check_model(reduced, full_check=True)
    assert {weight.data_type for weight in reduced.graph.initializer} == {
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
    }
    images = np.full((1, 1, 4, 4), 7, np.uint8)
    np.testing.assert_allclose(logits_of(reduced, images, tmp_path), 0.8, atol=1e-3)


NETWORK = """
import torch
from torch import nn


class Loud(nn.Module):
    def __init__(self, classes, channels):
        super().__init__()
        self.first, self.last = nn.Linear(64 * channels, 16), nn.Linear(16, classes)

    def forward(self, images):
        loud = torch.relu(self.first(images.flatten(1))) * 1e6
        return self.last(loud * 1e-6)


def factory(num_classes, in_channels):
    return Loud(num_classes, in_channels)
"""


def test_network_that_overflows_inside_is_exported_and_proved(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NETWORK)
    run = ("--run", "run")
    network = ("--model", "net.py:factory", "--dataset", str(tiny_npz))
    assert main(["train", *network, *run, "--epochs", "4", "--lr", "0.01"]) == 0
    assert main(["export", *run, "--precision", "fp16"]) == 0
    told = capsys.readouterr().out
    assert "reaches" in told
    record = json.loads(Path("run/export.json").read_text())["variants"]["fp16"]
    kept = record["half_precision"]["float32_nodes"]
    assert {node["op_type"] for node in kept} == {"Mul"}
    assert all(node["max_abs"] > 65504 for node in kept)
    assert main(["evaluate", *run, "--precision", "fp16", "--no-latency", "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert evaluation["parity"]["tolerance"] == "cpu-float16"
    assert evaluation["model"]["precision"] == "fp16"
