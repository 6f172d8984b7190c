"""The layers of an exported graph: nodes that have weights, by the names of their modules."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from errors import UsageError

WEIGHTED_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
SCOPES = "pkg.torch.onnx.name_scopes"  # torch's exporter: the modules around a node, and its name


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A node with weights.

    Attributes:
        name: of the module, as the network's code has it: `layer1.0.conv1`.
        node: its name in the graph.
        op_type: its operator.
    """

    name: str
    node: str
    op_type: str


def layers_of(graph: onnx.GraphProto) -> tuple[Layer, ...]:
    """Return the layers in the order of the nodes; a product of two activations is none."""
    weights = {weight.name for weight in graph.initializer}
    return tuple(
        Layer(name=layer_name(node), node=node.name, op_type=node.op_type)
        for node in graph.node
        if node.op_type in WEIGHTED_OPERATORS and len(node.input) > 1 and node.input[1] in weights
    )


def layer_name(node: onnx.NodeProto) -> str:
    """Return the name of the module that a node came from; its own name where nothing tells.

    A weight has its module's name, also where the exporter fused a batch normalization into it.
    """
    for name in node.input[1:]:
        if name.endswith(".weight"):
            return str(name).removesuffix(".weight").removeprefix("network.")
    scopes = next((prop.value for prop in node.metadata_props if prop.key == SCOPES), "[]")
    modules = [scope for scope in ast.literal_eval(scopes)[:-1] if scope]
    return str(modules[-1]).removeprefix("network.") if modules else str(node.name)


def asked_layers(names: Sequence[str], layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers of these names, in the order of the graph.

    Raises:
        UsageError: one is not there, or they are all of the graph's.
    """
    known = {layer.name: layer for layer in layers} | {"first": layers[0], "last": layers[-1]}
    for name in names:
        if name not in known:
            raise UsageError(
                "--keep-float32",
                f"no layer {name!r}: wanted first, last, or some of"
                f" {', '.join(layer.name for layer in layers)}",
            )
    asked = {known[name] for name in names}
    if len(asked) == len(layers):
        raise UsageError("--keep-float32", "leaves no layer to quantize")
    return tuple(layer for layer in layers if layer in asked)
