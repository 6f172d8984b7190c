"""What a batch costs a graph, counted on its ONNX file: multiply-adds, and bytes that move.

Multiply-adds are those of matrix products and convolutions; everything else counts as none.

Bytes are those of the graph as it stands in the file: its weights read once a batch, its input
read once, each output written once, and every value in between written once and read once. What
follows from weights alone is computed when the graph is loaded, and a view (a reshaped value) is
the value itself: neither moves anything. A runtime that fuses nodes moves less, and caches hold
some of it.

Shapes come from onnx's shape inference at the very batch that was timed. What they or the rules
here do not tell is an error, and never a guess. The file may be a stranger's, so this is for a
child process (evaluate.limit); it needs onnx alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import onnx

MOST = (1 << 63) - 1  # that a record can hold
_ONNX = ("", "ai.onnx")
_VIEWS = ("Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
# They have products that no rule here counts, or a graph of their own.
_UNCOUNTED = (
    *("Attention", "Einsum", "DeformConv", "LSTM", "GRU", "RNN", "DFT", "STFT", "Det"),
    *("If", "Loop", "Scan", "SequenceMap"),
)
_MOST_ELEMENTS_KEPT = 1024  # of a weight, which a shape may be computed from
_BITS: dict[int, int] = {  # of types whose elements share bytes
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.UINT4: 4,
    onnx.TensorProto.FLOAT4E2M1: 4,
}


class UncountedError(Exception):
    """The work of a graph is not known; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one batch costs."""

    multiply_adds: int
    moved_bytes: int


def counted_work(onnx_file: str, shapes: Sequence[Sequence[int]]) -> list[dict[str, int]]:
    """Return the fields of `Work` for each shape of the graph's input.

    Args:
        onnx_file: path; what the model keeps in other files stays there.
        shapes: of the input, batch size included.

    Raises:
        UncountedError: it is not known; the text says why.
    """
    model = onnx.load(onnx_file, load_external_data=False)
    for weight in model.graph.initializer:
        if math.prod(weight.dims) > _MOST_ELEMENTS_KEPT:
            weight.CopyFrom(
                onnx.TensorProto(name=weight.name, data_type=weight.data_type, dims=weight.dims)
            )
    return [asdict(work_of(model, shape)) for shape in shapes]


def work_of(model: onnx.ModelProto, shape: Sequence[int]) -> Work:
    """Return what a graph does with an input of that shape.

    Raises:
        UncountedError: it is not known; the text says why.
    """
    graph = _with_input(model, shape).graph
    values = _Values(graph)
    multiply_adds = moved = 0
    for node in graph.node:
        _require_rule(node)
        if _is_constant(node, values.constants):
            values.constants |= {*node.output}
            if node.op_type == "Constant":  # a weight by another name
                moved += sum(values.bytes_of(name) for name in node.output if name in values.used)
            continue
        rule = _PRODUCTS.get(node.op_type)
        multiply_adds += rule(node, values) if rule else 0
        if node.op_type not in _VIEWS:
            inside = [name for name in node.output if name in values.used - values.outputs]
            moved += 2 * sum(values.bytes_of(name) for name in inside)
    ends = {value.name for value in graph.input} | {weight.name for weight in graph.initializer}
    moved += sum(values.bytes_of(name) for name in ends & values.used)
    moved += sum(values.bytes_of(name) for name in values.outputs)
    if not multiply_adds:
        raise UncountedError("the graph has no matrix products and no convolutions")
    if max(multiply_adds, moved) > MOST:
        raise UncountedError("it is more than a record can hold")
    return Work(multiply_adds=multiply_adds, moved_bytes=moved)


class _Values:
    """Types and shapes of all values of a graph, and which of them somebody reads."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        types = {
            value.name: value.type.tensor_type
            for value in (*graph.value_info, *graph.input, *graph.output)
        }
        weights = {weight.name: weight for weight in graph.initializer}
        self._shapes = {name: _shape(kind) for name, kind in types.items()}
        self._shapes |= {name: tuple(weight.dims) for name, weight in weights.items()}
        self._kinds = {name: int(kind.elem_type) for name, kind in types.items()}
        self._kinds |= {name: int(weight.data_type) for name, weight in weights.items()}
        self.used = {name for node in graph.node for name in node.input if name}
        self.outputs = {value.name for value in graph.output}
        self.constants = set(weights)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a value's shape."""
        shape = self._shapes.get(name)
        if shape is None:
            raise UncountedError(f"the shape of {name[:80]!r} is not known before the graph runs")
        return shape

    def elements(self, name: str) -> int:
        """Return how many numbers a value holds."""
        return math.prod(self.shape(name))

    def bytes_of(self, name: str) -> int:
        """Return how many bytes a value takes."""
        kind = self._kinds.get(name, onnx.TensorProto.UNDEFINED)
        try:
            bits = _BITS.get(kind) or 8 * onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize
        except KeyError:
            raise UncountedError(f"the type of {name[:80]!r} is not known") from None
        return -(-self.elements(name) * bits // 8)


def _shape(kind: onnx.TypeProto.Tensor) -> tuple[int, ...] | None:
    """Return the shape that a type tells, None where a part of it is open."""
    lengths = kind.shape.dim
    if not kind.HasField("shape") or not all(one.HasField("dim_value") for one in lengths):
        return None
    return tuple(one.dim_value for one in lengths)


def _with_input(model: onnx.ModelProto, shape: Sequence[int]) -> onnx.ModelProto:
    """Return the model whose one input has that shape, with all shapes that follow from it."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    own = {weight.name for weight in fixed.graph.initializer}
    (images,) = [value for value in fixed.graph.input if value.name not in own]
    lengths: dict[str, int] = {}  # of dimensions that the file names
    for dimension, length in zip(images.type.tensor_type.shape.dim, shape, strict=True):
        if dimension.dim_param:
            lengths[dimension.dim_param] = length
        dimension.dim_value = length
    for value in (*fixed.graph.value_info, *fixed.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in lengths:
                dimension.dim_value = lengths[dimension.dim_param]
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    return inferred


def _require_rule(node: onnx.NodeProto) -> None:
    if node.domain not in _ONNX or node.op_type in _UNCOUNTED:
        name = f"{node.domain}::{node.op_type}" if node.domain not in _ONNX else node.op_type
        raise UncountedError(f"no rule counts the operator {name[:80]}")


def _is_constant(node: onnx.NodeProto, constants: set[str]) -> bool:
    """Return whether a node's outputs follow from weights alone."""
    return all(name in constants for name in node.input if name) and not node.op_type.startswith(
        ("Random", "Bernoulli", "Multinomial")
    )


Rule = Callable[[onnx.NodeProto, _Values], int]


def _convolution(weight: int) -> Rule:
    """Return the rule of a convolution whose weight is that input: [out, in / group, ...]."""

    def rule(node: onnx.NodeProto, values: _Values) -> int:
        kernel = values.shape(node.input[weight])[1:]
        return values.elements(node.output[0]) * math.prod(kernel)

    return rule


def _transposed_convolution(node: onnx.NodeProto, values: _Values) -> int:
    # Its weight is [in, out / group, ...]: each number of the input meets all behind the first.
    return values.elements(node.input[0]) * math.prod(values.shape(node.input[1])[1:])


def _matrix_product(node: onnx.NodeProto, values: _Values) -> int:
    return values.elements(node.output[0]) * values.shape(node.input[0])[-1]


def _general_product(node: onnx.NodeProto, values: _Values) -> int:
    is_transposed = any(one.name == "transA" and one.i for one in node.attribute)
    rows, columns = values.shape(node.input[0])
    return values.elements(node.output[0]) * (rows if is_transposed else columns)


_PRODUCTS: Mapping[str, Rule] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed_convolution,
    "Gemm": _general_product,
    "MatMul": _matrix_product,
    "MatMulInteger": _matrix_product,
    "QLinearMatMul": _matrix_product,
}
