"""How large the values inside a graph become, over images."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import onnx

from artifacts.engine import Engine
from artifacts.logits import Images
from errors import UnfinishedError


def largest_values(
    model: onnx.ModelProto, batches: Iterable[Images], engine: Engine
) -> dict[str, float]:
    """Return the largest magnitude of every float32 value: weights, and outputs of nodes.

    One that is not finite anywhere counts as infinite.

    Args:
        model: whose values have types, and whose weights are inside.
        batches: uint8 images_NCHW, one batch after another.
        engine: runs the graph.

    Raises:
        UnfinishedError: the graph cannot be run.
    """
    largest = {
        weight.name: _magnitude(onnx.numpy_helper.to_array(weight))
        for weight in model.graph.initializer
        if weight.data_type == onnx.TensorProto.FLOAT
    }
    values = engine.open_values(_with_all_outputs(model).SerializeToString())
    for batch in batches:
        for name, array in values(np.ascontiguousarray(batch)).items():
            if array.dtype == np.float32:
                largest[name] = max(largest.get(name, 0.0), _magnitude(array))
    return largest


def _with_all_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose every typed intermediate value is an output too."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    graph = exposed.graph
    known = {info.name: info for info in itertools.chain(graph.value_info, graph.output)}
    outputs = {output.name for output in graph.output}
    for name in (name for node in graph.node for name in node.output):
        if not name or name in outputs:
            continue
        if name not in known:
            raise UnfinishedError("float16", f"the type of {name!r} inside the graph is not known")
        graph.output.append(known[name])
    return exposed


def _magnitude(array: np.ndarray) -> float:
    if array.size == 0:
        return 0.0
    largest = float(np.abs(array).max())
    return largest if math.isfinite(largest) else math.inf
