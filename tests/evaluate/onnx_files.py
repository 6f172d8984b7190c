"""Small ONNX files for tests: a linear classifier of 2x2 images, in the shapes others make."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from artifacts.logits import Images, Logits

WEIGHT = np.array([[1, -2, 0], [0, 1, -1], [-1, 0, 2], [1, 1, 1]], dtype=np.float32) / np.float32(8)
BIAS = np.array([1, -2, 3], dtype=np.float32)
DTYPES = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def images_of(examples: int, *, channels: int = 1, seed: int = 0) -> Images:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (examples, channels, 2, 2), dtype=np.uint8)


def linear(values: NDArray[np.generic]) -> Logits:
    """The classifier's logits of flat pixels, by hand."""
    logits: Logits = values.reshape(-1, 4).astype(np.float32) @ WEIGHT + BIAS
    return logits


def linear_nodes(pixels: str = "pixels", logits: str = "logits") -> list[NodeProto]:
    return [
        helper.make_node("Flatten", [pixels], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "weight"], ["product"], name="product"),
        helper.make_node("Add", ["product", "bias"], [logits], name="add"),
    ]


def write_model(
    path: Path,
    nodes: Sequence[NodeProto],
    *,
    shape: Sequence[int | str] = ("batch", 1, 2, 2),
    dtype: str = "uint8",
    classes: int = 3,
    output: str = "logits",
    weight: NDArray[np.float32] = WEIGHT,
) -> Path:
    """Write a graph whose input is `images`; `pixels` are the same as float32."""
    batch = shape[0]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT, name="cast"),
            *nodes,
        ],
        path.stem,
        [helper.make_tensor_value_info("images", DTYPES[dtype], list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(BIAS, "bias")],
    )
    model: ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    path.write_bytes(model.SerializeToString())
    return path
