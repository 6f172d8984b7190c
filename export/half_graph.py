"""A float32 graph to float16 or bfloat16, but for the nodes that must stay in float32.

On ONNX's own intermediate representation (onnx/ir-py). The two converters that people use do not
fit: onnxconverter-common 1.16.0 leaves a `Cast` to float32 as it is and so makes an invalid graph
of uint8 images; its descendant in ONNX Runtime 1.31.1 puts every value between two float32 nodes
through float16, where it overflows all the same.
"""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import defs

HALF_DTYPES = {"float16": ir.DataType.FLOAT16, "bfloat16": ir.DataType.BFLOAT16}
LARGEST = {
    "float16": float(np.finfo(np.float16).max),
    "bfloat16": 2.0**128 * (1 - 2.0**-8),
}
_FLOAT = ir.DataType.FLOAT
# Whose output has the dtype that an attribute names, or that of the tensor in it.
_DTYPE_ATTRIBUTES = {"Cast": "to", "Constant": "value", "ConstantOfShape": "value"}


def half_graph(model: onnx.ModelProto, dtype: str, float32_nodes: Collection[str]) -> ir.Model:
    """Return the graph with values and weights in a half precision; inputs and outputs as before.

    A node stays in float32 where it is named, where its operator does not take the half precision
    in this opset, and where it has a graph inside. Casts stand only between nodes of different
    precision, one for each value.

    Args:
        model: a float32 graph whose values have types, as shape inference gives them.
        dtype: `float16` or `bfloat16`.
        float32_nodes: names of the nodes that stay in float32.
    """
    graph_model = ir.serde.deserialize_model(model)
    converter = _Converter(graph_model, HALF_DTYPES[dtype], frozenset(float32_nodes))
    converter.convert()
    return graph_model


class _Converter:
    def __init__(self, model: ir.Model, half: ir.DataType, float32_nodes: frozenset[str]) -> None:
        self._graph = model.graph
        self._opset = model.opset_imports.get("", 1)
        self._half = half
        self._float32_nodes = float32_nodes
        self._casts: dict[tuple[int, ir.DataType], ir.Value] = {}

    def convert(self) -> None:
        """Change the graph in place."""
        # 1. decide on every node while all types are still float32
        roles = [(node, self._half_places(node)) for node in self._graph]
        # 2. outputs  3. inputs, which need the types that outputs have by then
        for node, (_, outputs) in roles:
            if outputs:
                self._convert_attribute(node)
            for index in outputs:
                node.outputs[index].dtype = self._half
        for node, (inputs, _) in roles:
            for index, value in enumerate(node.inputs):
                if value is not None and value.dtype in (_FLOAT, self._half):
                    wanted = self._half if index in inputs else _FLOAT
                    if value.dtype != wanted:
                        node.replace_input_with(index, self._cast(value, wanted))
        self._restore_outputs()
        self._drop_unused_initializers()

    def _half_places(self, node: ir.Node) -> tuple[frozenset[int], frozenset[int]]:
        """Return which of a node's inputs and outputs become half; none where it stays float32."""
        stays = frozenset[int](), frozenset[int]()
        has_graph = any(_is_graph(attribute) for attribute in node.attributes.values())
        if node.name in self._float32_nodes or node.domain or has_graph:
            return stays
        try:
            schema = defs.get_schema(node.op_type, self._opset, "")
        except defs.SchemaError:
            return stays
        takes_half = {
            constraint.type_param_str
            for constraint in schema.type_constraints
            if _type_name(self._half) in constraint.allowed_type_strs
        }
        inputs = _floats(node.inputs, schema.inputs, takes_half)
        outputs = _floats(node.outputs, schema.outputs, takes_half)
        if node.op_type in _DTYPE_ATTRIBUTES:
            return inputs, outputs
        # A node whose data cannot be half stays: only parameters may be float32 beside half data.
        first = next((i for i, v in enumerate(node.inputs) if v is not None), None)
        is_first_float = first is not None and _dtype(node.inputs[first]) == _FLOAT
        return (inputs, outputs) if is_first_float and first in inputs else stays

    def _convert_attribute(self, node: ir.Node) -> None:
        name = _DTYPE_ATTRIBUTES.get(node.op_type)
        if name is None:
            return
        if name == "to":
            node.attributes[name] = ir.AttrInt64(name, int(self._half))
            return
        attribute = node.attributes.get(name)
        values = attribute.as_tensor().numpy() if attribute else np.zeros(1, np.float32)
        node.attributes[name] = ir.AttrTensor(name, self._tensor(values, None))

    def _cast(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """Return the value in that dtype: a converted weight, or the output of a Cast node."""
        key = id(value), dtype
        if key not in self._casts:
            self._casts[key] = (
                self._converted_weight(value)
                if value.is_initializer() and value.const_value is not None
                else self._cast_node(value, dtype)
            )
        return self._casts[key]

    def _converted_weight(self, value: ir.Value) -> ir.Value:
        assert value.const_value is not None
        name = f"{value.name}_half"
        tensor = self._tensor(value.const_value.numpy(), name)
        converted = ir.Value(
            name=name, type=ir.TensorType(self._half), shape=value.shape, const_value=tensor
        )
        self._graph.register_initializer(converted)
        return converted

    def _cast_node(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        name = f"{value.name}_to_{dtype.name.lower()}"
        node = ir.node("Cast", [value], {"to": int(dtype)}, name=f"cast_{name}")
        output = node.outputs[0]
        output.name, output.type, output.shape = name, ir.TensorType(dtype), value.shape
        producer = value.producer()
        if producer is None:  # an input of the graph
            self._graph.insert_before(self._graph[0], node)
        else:
            self._graph.insert_after(producer, node)
        return output

    def _tensor(self, values: NDArray[Any], name: str | None) -> ir.TensorProtocol:
        return ir.tensor(values.astype(self._half.numpy()), dtype=self._half, name=name)

    def _restore_outputs(self) -> None:
        """Give the graph's outputs their names and float32 back."""
        for index, output in enumerate(self._graph.outputs):
            if output.dtype != self._half:
                continue
            name = output.name
            output.name = f"{name}_half"
            restored = self._cast(output, _FLOAT)
            restored.name = name
            self._graph.outputs[index] = restored

    def _drop_unused_initializers(self) -> None:
        initializers = self._graph.initializers
        for name, value in list(initializers.items()):
            if not value.uses() and not value.is_graph_output():
                del initializers[name]


def _floats(
    values: Iterable[ir.Value | None],
    parameters: Iterable[defs.OpSchema.FormalParameter],
    takes_half: Collection[str],
) -> frozenset[int]:
    """Return the indices of float32 values whose parameter may be half; the last may repeat."""
    named = list(parameters)
    return frozenset(
        index
        for index, value in enumerate(values)
        if _dtype(value) == _FLOAT
        and named
        and named[min(index, len(named) - 1)].type_str in takes_half
    )


def _dtype(value: ir.Value | None) -> ir.DataType | None:
    return None if value is None else value.dtype


def _type_name(dtype: ir.DataType) -> str:
    return f"tensor({dtype.name.lower()})"


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
