"""ONNX files that somebody might make to harm who opens them; of 2x2 images, as far as they go."""

from collections.abc import Sequence

import numpy as np
from onnx import (
    FunctionProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    ValueInfoProto,
    helper,
)
from onnx import numpy_helper as arrays

NODE = helper.make_node
FLOATS = [
    NODE("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
    NODE("Flatten", ["pixels"], ["flat"]),
]
RISE = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
OPSET, IR_VERSION = 18, 10


def model_of(
    nodes: Sequence[NodeProto],
    weights: Sequence[TensorProto] = (),
    *,
    outputs: Sequence[str] = ("logits",),
    opset: int = OPSET,
    ir_version: int = IR_VERSION,
    domains: Sequence[str] = (),
    functions: Sequence[FunctionProto] = (),
) -> ModelProto:
    """Return a graph that is given uint8 `images` [batch, 1, 2, 2]."""
    floats: list[str | int | None] = ["batch", "classes"]
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 1, 2, 2])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, floats) for name in outputs],
        list(weights),
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    model: ModelProto = helper.make_model(
        graph, opset_imports=opsets, ir_version=ir_version, functions=list(functions)
    )
    return model


def flat_logits(**changes: object) -> ModelProto:
    """Return the harmless graph whose logits are the pixels."""
    nodes = [FLOATS[0], NODE("Flatten", ["pixels"], ["logits"])]
    return model_of(nodes, **changes)  # type: ignore[arg-type]


def _info(name: str, dtype: int, shape: Sequence[int | str]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, list(shape))


def endless_loop(*, only_between: tuple[float, float] | None = None) -> ModelProto:
    """Return a loop whose condition stays true: always, or where the pixels' mean lies between."""
    body = helper.make_graph(
        [
            NODE("Identity", ["goes_on"], ["goes_on_still"]),
            NODE("Add", ["value", "one"], ["more"]),
        ],
        "body",
        [
            _info("turn", TensorProto.INT64, []),
            _info("goes_on", TensorProto.BOOL, []),
            _info("value", TensorProto.FLOAT, [1]),
        ],
        [_info("goes_on_still", TensorProto.BOOL, []), _info("more", TensorProto.FLOAT, [1])],
        [RISE],
    )
    weights = [
        helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        helper.make_tensor("true", TensorProto.BOOL, [], [True]),
    ]
    condition, choosing = "true", _condition(only_between, weights)
    if choosing:
        condition = "is_between"
    loop = NODE("Loop", ["", condition, "zero"], ["end"], body=body)
    sum_ = NODE("Add", ["flat", "end"], ["logits"])
    return model_of([*FLOATS, *choosing, loop, sum_], weights)


def endless_node(*, only_between: tuple[float, float]) -> ModelProto:
    """Return one average over 10^12 pixels, computed where the pixels' mean lies between."""
    weights = [helper.make_tensor("size", TensorProto.INT64, [4], [1, 1, 2000, 2000])]
    # Of the pixels, or it would be computed as the file is loaded.
    bright = NODE("ReduceMax", ["pixels"], ["bright"], keepdims=0)
    wide = NODE("Expand", ["bright", "size"], ["wide"])
    average = NODE("AveragePool", ["wide"], ["average"], kernel_shape=[1001, 1001])
    sum_ = NODE("ReduceSum", ["average"], ["sum"], keepdims=0)
    slow = [bright, wide, average, sum_]
    then = helper.make_graph(slow, "then", [], [_info("sum", TensorProto.FLOAT, [])])
    zero = NODE("ReduceSum", ["one"], ["nothing"], keepdims=0)
    other = helper.make_graph([zero], "other", [], [_info("nothing", TensorProto.FLOAT, [])])
    choosing = _condition(only_between, weights)
    branch = NODE("If", ["is_between"], ["end"], then_branch=then, else_branch=other)
    nodes = [*FLOATS, *choosing, branch, NODE("Add", ["flat", "end"], ["logits"])]
    return model_of(nodes, [*weights, RISE])


def _condition(between: tuple[float, float] | None, weights: list[TensorProto]) -> list[NodeProto]:
    """Return nodes that compute `is_between`, of any image of the batch."""
    if between is None:
        return []
    for name, value in zip(("low", "high"), between, strict=True):
        weights.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    weights.append(helper.make_tensor("axis", TensorProto.INT64, [1], [1]))
    return [
        NODE("ReduceMean", ["flat", "axis"], ["means"], keepdims=0),
        NODE("Greater", ["means", "low"], ["above"]),
        NODE("Less", ["means", "high"], ["below"]),
        NODE("And", ["above", "below"], ["inside"]),
        NODE("Cast", ["inside"], ["inside_numbers"], to=TensorProto.FLOAT),
        NODE("ReduceMax", ["inside_numbers"], ["any_inside"], keepdims=0),
        NODE("Cast", ["any_inside"], ["is_between"], to=TensorProto.BOOL),
    ]


def as_many_classes_as_the_brightest_pixel(*, axis: int = 1) -> ModelProto:
    """Return a graph that gives so many of the pixels, or along axis 0 of the rows."""
    nodes = [
        *FLOATS,
        NODE("ReduceMax", ["flat"], ["brightest"], keepdims=0),
        NODE("Cast", ["brightest"], ["count"], to=TensorProto.INT64),
        NODE("Unsqueeze", ["count", "zero"], ["end"]),
        NODE("Slice", ["flat", "zero", "end", "axis"], ["logits"]),
    ]
    numbers = {"zero": 0, "axis": axis}
    return model_of(
        nodes,
        [helper.make_tensor(name, TensorProto.INT64, [1], [n]) for name, n in numbers.items()],
    )


def first_answer_alone() -> ModelProto:
    """Return a graph that answers the first image of a batch, and no other."""
    nodes = [*FLOATS, NODE("Slice", ["flat", "zero", "one_row"], ["logits"])]
    numbers = {"zero": 0, "one_row": 1}
    model = model_of(
        nodes,
        [helper.make_tensor(name, TensorProto.INT64, [1], [n]) for name, n in numbers.items()],
    )
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    return model


def division_by_zero() -> ModelProto:
    """Return a convolution of no groups, of a shape that only ONNX Runtime finds out: SIGFPE."""
    nodes = [
        *FLOATS,
        NODE("SequenceConstruct", ["pixels", "flat"], ["both"]),
        NODE("SequenceAt", ["both", "first"], ["unknown"]),
        NODE("ConvTranspose", ["unknown", "kernel"], ["features"], group=0),
        NODE("Flatten", ["features"], ["logits"]),
    ]
    kernel = arrays.from_array(np.ones((4, 1, 3, 3), np.float32), "kernel")
    return model_of(nodes, [kernel, helper.make_tensor("first", TensorProto.INT64, [], [0])])


def terabytes(op_type: str = "ConstantOfShape") -> ModelProto:
    """Return a graph that asks for 4 TB, or for 10^12 times its pixels."""
    shapes = {"ConstantOfShape": [10**6, 10**6], "Expand": [10**6, 10**6, 4], "Tile": [10**6] * 2}
    given = [] if op_type == "ConstantOfShape" else ["flat"]
    if op_type == "Expand":
        given = ["one"]
    shape = helper.make_tensor("shape", TensorProto.INT64, [len(shapes[op_type])], shapes[op_type])
    nodes = [
        *FLOATS,
        NODE(op_type, [*given, "shape"], ["huge"]),
        NODE("ReduceSum", ["huge"], ["sum"], keepdims=0),
        NODE("Add", ["flat", "sum"], ["logits"]),
    ]
    return model_of(nodes, [shape, RISE])


def doubling_functions(count: int) -> ModelProto:
    """Return functions each of which calls the next one twice: 2^count nodes in a few bytes."""
    functions = []
    for number in range(count):
        op_type, domain = (f"F{number + 1}", "own") if number + 1 < count else ("Identity", "")
        nodes = [
            NODE(op_type, ["x"], ["half"], domain=domain),
            NODE(op_type, ["half"], ["y"], domain=domain),
        ]
        opsets = [helper.make_opsetid("own", 1), helper.make_opsetid("", OPSET)]
        functions.append(helper.make_function("own", f"F{number}", ["x"], ["y"], nodes, opsets))
    call = NODE("F0", ["flat"], ["logits"], domain="own")
    return model_of([*FLOATS, call], domains=["own"], functions=functions)


def nested(depth: int) -> bytes:
    """Return branches in branches, written by hand: helpers would need more than a stack has."""
    graph = b""
    for _ in range(depth):
        branch = _field(1, b"then_branch") + _field(6, graph)
        graph = _field(1, _field(5, branch) + _field(4, b"If")) + _field(2, b"branch")
    version, opset = bytes([8, IR_VERSION]), _field(8, bytes([16, OPSET]))
    return version + _field(7, graph) + opset


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes (protobuf's wire type 2)."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def sparse(indices: Sequence[int], *, dims: int = 4) -> ModelProto:
    """Return a sum with a weight of which only the values at these indices are stored."""
    model = model_of([*FLOATS, NODE("Add", ["flat", "weight"], ["logits"])])
    weight: SparseTensorProto = model.graph.sparse_initializer.add(dims=[dims])
    weight.values.CopyFrom(helper.make_tensor("weight", TensorProto.FLOAT, [2], [1.0, 2.0]))
    weight.indices.CopyFrom(helper.make_tensor("at", TensorProto.INT64, [2], indices))
    return model


def weight_of(dims: Sequence[int]) -> ModelProto:
    """Return a sum with a weight of 4 bytes that promises these dimensions."""
    weight = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=dims, raw_data=bytes(4))
    return model_of([*FLOATS, NODE("Add", ["flat", "weight"], ["logits"])], [weight])


def not_a_number() -> ModelProto:
    """Return a graph whose logits are no numbers."""
    nodes = [
        NODE("Sub", ["flat", "flat"], ["zero"]),
        NODE("Log", ["zero"], ["infinite"]),
        NODE("Sub", ["infinite", "infinite"], ["logits"]),
    ]
    return model_of([*FLOATS, *nodes])
