"""The layers of an exported graph: nodes that have weights, by the names of their modules."""

import ast
from dataclasses import dataclass

import onnx

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
