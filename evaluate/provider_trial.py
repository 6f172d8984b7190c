"""Whether a provider works here, found out by running a graph of one node on it."""

import numpy as np

from artifacts.choices import Precision
from errors import UnfinishedError, UnusableError
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions


def provider_failure(provider: str) -> UnusableError | UnfinishedError | None:
    """Return why the provider cannot run a graph of one node here, or None where it can.

    Raises:
        UsageError: ONNX Runtime knows no such provider.
    """
    return _failure_of(_casts("FLOAT"), provider)


def precision_failure(provider: str, precision: Precision) -> UnusableError | None:
    """Return why the provider cannot compute in that precision here, or None where it can.

    Only bfloat16 is tried, with one addition: the other precisions run wherever float32 does.

    Raises:
        UsageError: ONNX Runtime knows no such provider.
        UnusableError: the provider does not work at all.
    """
    if failure := provider_failure(provider):
        raise failure
    if precision != "bf16" or _failure_of(_casts("BFLOAT16", add=True), provider) is None:
        return None
    return UnusableError(
        "--precision bf16",
        f"ONNX Runtime's {provider} provider does not compute in bfloat16 here",
        hint="name one that does, such as --provider cuda or openvino, or take --precision fp16",
    )


def _failure_of(model: bytes, provider: str) -> UnusableError | UnfinishedError | None:
    try:
        runner = OnnxRunner(model, SessionOptions(provider=provider))
        images = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
        if not np.array_equal(runner.run(images), images.astype(np.float32)):
            return UnfinishedError(provider, "computes a wrong answer")
    except (UnusableError, UnfinishedError) as error:
        return error
    return None


def _casts(dtype: str, *, add: bool = False) -> bytes:
    """Return a graph that gives its uint8 images as float32, by way of that dtype."""
    from onnx import TensorProto, helper

    shape: list[str | int | None] = ["batch", 1, 2, 2]
    to = getattr(TensorProto, dtype)
    nodes = [helper.make_node("Cast", ["images"], ["logits"], to=to)]
    weights = []
    if add:
        nodes = [
            helper.make_node("Cast", ["images"], ["values"], to=to),
            helper.make_node("Add", ["values", "zero"], ["sums"]),
            helper.make_node("Cast", ["sums"], ["logits"], to=TensorProto.FLOAT),
        ]
        weights = [helper.make_tensor("zero", to, [], [0.0])]
    graph = helper.make_graph(
        nodes,
        "trial",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content
