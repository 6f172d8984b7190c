"""What an ONNX file says of its model, read by the process that tries it."""

import math
from collections import Counter
from pathlib import Path

import onnx

from artifacts.choices import GraphPrecision
from artifacts.evaluation_records import EvaluatedModel
from artifacts.files import sha256_of_bytes
from artifacts.json_records import MOST
from evaluate.external_data import external_files
from evaluate.onnx_rules import opset_of

_QUANTIZING = ("QuantizeLinear", "DequantizeLinear", "MatMulInteger", "ConvInteger")


def described_model(model: onnx.ModelProto, content: bytes, path: Path) -> EvaluatedModel:
    """Return what the record says of it.

    Args:
        model: what is in the file, which has been checked.
        content: the file's.
        path: of the file, resolved.

    Raises:
        ArtifactError: it has weights where they must not be.
    """
    return EvaluatedModel(
        onnx_sha256=sha256_of_bytes(content),
        precision=_precision(model),
        checkpoint_sha256=None,
        opset=opset_of(model),
        name=path.stem,
        parameters=min(MOST, sum(_elements(weight) for weight in model.graph.initializer)),
        file_bytes=len(content),
        external_data=external_files(model, path),
    )


def softmaxed_names(model: onnx.ModelProto) -> list[str]:
    """Return the names of the values that a softmax has made."""
    return [name for node in model.graph.node if node.op_type == "Softmax" for name in node.output]


def _precision(model: onnx.ModelProto) -> GraphPrecision:
    """Return the precision of most of the weights; int8 where any is quantized."""
    operators = {node.op_type for node in model.graph.node}
    if any(name.startswith("Dynamic") and "Quantize" in name for name in operators):
        return "int8-dynamic"
    if any(name in _QUANTIZING or name.startswith("QLinear") for name in operators):
        return "int8"
    names: dict[int, GraphPrecision] = {
        onnx.TensorProto.FLOAT16: "fp16",
        onnx.TensorProto.BFLOAT16: "bf16",
        onnx.TensorProto.DOUBLE: "float64",
    }
    elements: Counter[GraphPrecision] = Counter()
    for weight in model.graph.initializer:
        elements[names.get(weight.data_type, "float32")] += _elements(weight)
    return max(elements, key=lambda name: elements[name], default="float32")


def _elements(weight: onnx.TensorProto) -> int:
    # What no weight can have, ONNX Runtime refuses when it opens the file, and says which one.
    return math.prod(max(0, size) for size in weight.dims)
