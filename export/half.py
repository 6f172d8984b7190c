"""float16 and bfloat16: which nodes must stay in float32, found on images; then the graph."""

import itertools
import math
from collections.abc import Mapping
from typing import Literal

import onnx
import onnx_ir as ir

from artifacts.engine import Engine
from artifacts.variant_records import Float32Node, HalfPrecision
from data.calibration import ReductionData
from data.images_at_once import images_at_once
from export.half_graph import LARGEST, half_graph
from export.layers import WEIGHTED_OPERATORS, layer_name
from export.ranges import largest_values
from export.reduced import OnStep, Reduced, calibration_set, counted_batches

IMAGES_AT_ONCE = 16  # all values inside the network are held for so many small images
# Other images than the calibration's may bring larger values; up to twice as large has room.
HEADROOM = 2.0


def half_precision(
    model: onnx.ModelProto,
    dtype: Literal["float16", "bfloat16"],
    data: ReductionData,
    engine: Engine,
    on_step: OnStep,
) -> Reduced:
    """Return the graph in a half precision, with the nodes in float32 that would overflow.

    The float32 graph is run on the calibration images with every value inside it looked at. One
    that is not finite, or larger than half of what the precision can hold, keeps the node that
    gives it and those that take it in float32; so does a weight.

    Raises:
        UnfinishedError: the graph cannot be run.
    """
    part = data.calibration
    size = images_at_once(IMAGES_AT_ONCE, part.images_NCHW.shape[2:])
    typed = onnx.shape_inference.infer_shapes(model)
    largest = largest_values(typed, counted_batches(part, size, on_step), engine)
    on_step("conversion", 0, 0)
    kept = overflowing_nodes(typed.graph, largest, LARGEST[dtype] / HEADROOM)
    reduced = half_graph(typed, dtype, {node.node for node in kept})
    return Reduced(
        model=ir.serde.serialize_model(reduced),
        half_precision=HalfPrecision(
            dtype=dtype,
            calibration=calibration_set(part, data.seed),
            nodes=len(model.graph.node),
            float32_nodes=kept,
        ),
    )


def overflowing_nodes(
    graph: onnx.GraphProto, largest: Mapping[str, float], limit: float
) -> tuple[Float32Node, ...]:
    """Return the nodes that touch a value above the limit, each with the first such value.

    Args:
        graph: whose nodes are looked at.
        largest: magnitude of each float32 value; infinite where it is not finite.
        limit: that none may be above.
    """
    kept = []
    for node in graph.node:
        for value in itertools.chain(node.output, node.input):
            magnitude = largest.get(value, 0.0)
            if magnitude > limit:
                kept.append(
                    Float32Node(
                        node=node.name,
                        op_type=node.op_type,
                        layer=layer_name(node) if node.op_type in WEIGHTED_OPERATORS else None,
                        value=value,
                        max_abs=magnitude if math.isfinite(magnitude) else None,
                        limit=limit,
                    )
                )
                break
    return tuple(kept)
