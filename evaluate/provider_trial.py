"""Whether a provider works here, found out by running a graph of one node on it."""

import numpy as np

from errors import UnfinishedError, UnusableError
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions


def provider_failure(provider: str) -> UnusableError | UnfinishedError | None:
    """Return why the provider cannot run a graph of one node here, or None where it can.

    Raises:
        UsageError: ONNX Runtime knows no such provider.
    """
    try:
        runner = OnnxRunner(_one_node_graph(), SessionOptions(provider=provider))
        images = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
        if not np.array_equal(runner.run(images), images.astype(np.float32)):
            return UnfinishedError(provider, "computes a wrong answer")
    except (UnusableError, UnfinishedError) as error:
        return error
    return None


def _one_node_graph() -> bytes:
    from onnx import TensorProto, helper

    shape: list[str | int | None] = ["batch", 1, 2, 2]
    graph = helper.make_graph(
        [helper.make_node("Cast", ["images"], ["logits"], to=TensorProto.FLOAT)],
        "one_node",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content
