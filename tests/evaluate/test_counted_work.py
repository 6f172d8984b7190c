"""Multiply-adds and bytes of a graph, against torch's modules, published figures, and by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import nn
from torchvision.models import ResNet18_Weights, VisionTransformer, resnet18

from artifacts.training_records import ModelSpec
from evaluate.counted_work import MOST, UncountedError, Work, counted_work, work_of
from export.graph import traced_program
from models import build
from models.classifier import Classifier
from models.cost import all_multiply_adds, multiply_adds
from tests.evaluate.onnx_files import linear_nodes, write_model

FLOAT = TensorProto.FLOAT


def exported(classifier: nn.Module, channels: int, side: int) -> ModelProto:
    spec = ModelSpec(name="network", num_classes=10, in_channels=channels, image_size=(side, side))
    program = traced_program(classifier.eval(), spec, opset=20, probabilities=False)
    model: ModelProto = program.model_proto
    return model


def graph_of(
    nodes: Sequence[NodeProto],
    shape: Sequence[int | str],
    *weights: tuple[str, Sequence[int]],
    outputs: Sequence[str] = ("y",),
) -> ModelProto:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.ones(dims, np.float32), name) for name, dims in weights],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def constant_of(name: str, kind: int, dims: list[int], values: list[Any]) -> NodeProto:
    value = helper.make_tensor(name, kind, dims, values)
    return helper.make_node("Constant", [], [name], value=value)


@pytest.mark.parametrize("name", ["mlp", "lenet5"])
def test_multiply_adds_are_those_of_torchs_modules(name: str) -> None:
    classifier = build(name, num_classes=10, in_channels=1, image_size=(28, 28))
    model = exported(classifier, 1, 28)
    wanted = multiply_adds(classifier, (1, 28, 28))
    assert work_of(model, (1, 1, 28, 28)).multiply_adds == wanted
    assert work_of(model, (32, 1, 28, 28)).multiply_adds == 32 * wanted


def test_multiply_adds_of_resnet18_are_those_that_torchvision_publishes() -> None:
    classifier = Classifier(resnet18(), mean=[0.0] * 3, std=[1.0] * 3)
    counted = work_of(exported(classifier, 3, 224), (1, 3, 224, 224)).multiply_adds
    assert counted == multiply_adds(classifier, (3, 224, 224))
    assert round(counted / 1e9, 3) == ResNet18_Weights.DEFAULT.meta["_ops"]


def test_products_of_attention_are_among_them() -> None:
    network = VisionTransformer(
        image_size=16, patch_size=8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    classifier = Classifier(network, mean=[0.0] * 3, std=[1.0] * 3)
    counted = work_of(exported(classifier, 3, 16), (2, 3, 16, 16)).multiply_adds
    for device in ("cpu", "meta"):
        assert counted == 2 * all_multiply_adds(classifier.to(device), (3, 16, 16))


def test_variants_of_a_run_compute_what_its_float32_does(evaluated_run: Path) -> None:
    shapes = [(1, 1, 8, 8), (4, 1, 8, 8)]
    one, four = (Work(**w) for w in counted_work(str(evaluated_run / "model.onnx"), shapes))
    int8 = counted_work(str(evaluated_run / "model.int8.onnx"), shapes)
    assert four.multiply_adds == 4 * one.multiply_adds
    assert one.moved_bytes < four.moved_bytes < 4 * one.moved_bytes  # weights are read once
    assert [w["multiply_adds"] for w in int8] == [one.multiply_adds, four.multiply_adds]


def test_every_value_is_written_once_and_read_once(tmp_path: Path) -> None:
    path = write_model(tmp_path / "linear.onnx", linear_nodes())
    (work,) = counted_work(str(path), [(2, 1, 2, 2)])
    weights = 4 * (4 * 3 + 3)
    pixels, product = 2 * 4 * 4, 2 * 3 * 4  # flat is a view of pixels
    assert work == {
        "multiply_adds": 2 * 4 * 3,
        "moved_bytes": 2 * 4 + 2 * pixels + weights + 2 * product + 2 * 3 * 4,
    }


@pytest.mark.parametrize(
    ("node", "shape", "weight", "wanted"),
    [
        (("Conv", {"group": 2}), (3, 4, 8, 8), (6, 2, 3, 3), 3 * 6 * 6 * 6 * 2 * 3 * 3),
        (("Conv", {"strides": [2, 2]}), (1, 4, 8, 8), (6, 4, 1, 1), 6 * 4 * 4 * 4),
        (("ConvTranspose", {"strides": [2, 2]}), (3, 4, 8, 8), (4, 5, 2, 2), 3 * 4 * 64 * 5 * 4),
        (("Gemm", {"transB": 1}), (3, 7), (5, 7), 3 * 7 * 5),
        (("Gemm", {"transA": 1}), (7, 3), (7, 5), 3 * 7 * 5),
        (("MatMul", {}), (2, 3, 4), (2, 4, 5), 2 * 3 * 4 * 5),
        (("MatMul", {}), (3, 4), (4,), 3 * 4),
    ],
)
def test_products_are_counted_by_hand(
    node: tuple[str, dict[str, Any]],
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    wanted: int,
) -> None:
    operator, attributes = node
    product = helper.make_node(operator, ["x", "w"], ["y"], **attributes)
    model = graph_of([product], ["batch", *shape[1:]], ("w", weight))
    assert work_of(model, shape).multiply_adds == wanted


def test_transposed_convolution_is_that_of_torch() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    layer = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(2, 4, 5, 5))
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], group=2)
    model = graph_of([node], (2, 4, 5, 5), ("w", tuple(layer.weight.shape)))
    assert 2 * work_of(model, (2, 4, 5, 5)).multiply_adds == counter.get_total_flops()


def test_what_follows_from_weights_alone_costs_nothing() -> None:
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    plain = work_of(graph_of([product], ("n", 4), ("w", (4, 4))), (2, 4))
    folded = [
        helper.make_node("MatMul", ["v", "v"], ["v2"]),
        helper.make_node("Transpose", ["v2"], ["w"]),
        product,
    ]
    assert work_of(graph_of(folded, ("n", 4), ("v", (4, 4))), (2, 4)) == plain
    constant = constant_of("w", FLOAT, [4, 4], [1.0] * 16)
    assert work_of(graph_of([constant, product], ("n", 4)), (2, 4)) == plain


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([helper.make_node("Relu", ["x"], ["y"])], "no matrix products"),
        ([helper.make_node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik")], "Einsum"),
        ([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")], "com.microsoft::Gelu"),
        (
            [
                helper.make_node("NonZero", ["x"], ["i"]),
                helper.make_node("MatMul", ["x", "i"], ["y"]),
            ],
            "'i' is not known before",
        ),
    ],
)
def test_what_is_not_known_is_an_error_that_says_why(nodes: list[NodeProto], told: str) -> None:
    with pytest.raises(UncountedError, match=told):
        work_of(graph_of(nodes, ("n", 4), ("w", (4, 4))), (2, 4))


def test_graph_inside_of_a_node_is_not_counted_as_nothing() -> None:
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", FLOAT, None)],
    )
    both = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    constant = constant_of("c", TensorProto.BOOL, [], [True])
    with pytest.raises(UncountedError, match="operator If"):
        work_of(graph_of([constant, both], ("n", 4), ("w", (4, 4))), (2, 4))


def test_more_than_a_record_can_hold_is_not_known() -> None:
    model = graph_of([helper.make_node("MatMul", ["x", "w"], ["y"])], ("n", 4))
    side = 1 << 40
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = side
    model.graph.initializer.append(onnx.TensorProto(name="w", data_type=FLOAT, dims=[side, side]))
    assert side**2 > MOST
    with pytest.raises(UncountedError, match="more than a record can hold"):
        work_of(model, (1, side))
