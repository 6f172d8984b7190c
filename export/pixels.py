"""uint8 pixels are quantized values already: a graph that reads them as such, without rounding.

The graph normalizes pixels as (pixel - mean) / std. That is what DequantizeLinear computes with the
scale 1 / std and the zero point mean, rounded to a whole number: the rounding shifts the network's
input by half a grey level at most, as the zero point of any 8-bit quantization does. So the first
layer can read the pixels as they are, and four operations on every pixel of every image go.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

_NORMALIZATION = ("Cast", "Sub", "Div")
_SHAPE_OPERATORS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity")


@dataclass(frozen=True, kw_only=True)
class QuantizedPixels:
    """The value that the first layer reads, and how it is the images' own pixels.

    Attributes:
        value: name of the normalized images, in the shape that the first layer takes.
        normalized: the same before operators that only change the shape.
        images: name of the graph's input.
        scale: of a grey level.
        zero_point: the pixel that stands for 0.
    """

    value: str
    normalized: str
    images: str
    scale: float
    zero_point: int

    @property
    def parameters(self) -> dict[str, Any]:
        """Scale and zero point as ONNX Runtime's quantizer takes them."""
        return {
            "scale": np.array(self.scale, np.float32),
            "zero_point": np.array(self.zero_point, np.uint8),
        }


def quantized_pixels(graph: onnx.GraphProto) -> QuantizedPixels | None:
    """Return which value is the pixels themselves; None where channels are normalized differently.

    One scale and zero point stand for all channels, so all must have one mean and one deviation.
    """
    value = images = graph.input[0].name
    channels = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    numbers: list[float] = []
    weights = {weight.name: weight for weight in graph.initializer}
    for op_type in _NORMALIZATION:
        node = _only_consumer(graph, value)
        if node is None or node.op_type != op_type:
            return None
        if op_type != "Cast":
            weight = weights.get(node.input[1])
            if weight is None or node.input[0] != value:
                return None
            array = numpy_helper.to_array(weight)
            # More numbers than channels make as many channels of a grey image.
            if array.size not in (1, channels) or len(np.unique(array)) != 1:
                return None
            numbers.append(float(array.flat[0]))
        value = node.output[0]
    normalized = value
    node = _only_consumer(graph, value)
    while node is not None and node.op_type in _SHAPE_OPERATORS:
        value = node.output[0]
        node = _only_consumer(graph, value)
    mean, std = numbers
    if std <= 0 or not 0 <= round(mean) <= 255:
        return None
    return QuantizedPixels(
        value=value,
        normalized=normalized,
        images=images,
        scale=1 / std,
        zero_point=round(mean),
    )


def read_pixels_directly(graph: onnx.GraphProto, pixels: QuantizedPixels) -> bool:
    """Let whatever reads the quantized value read the images instead; return whether anything did.

    Changes a graph that was quantized with these parameters. What is then unused stays in it.
    """
    quantizing = [
        node
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] == pixels.value
    ]
    readers = [node for node in graph.node if pixels.value in node.input]
    if len(quantizing) != 1 or readers != quantizing:  # a layer in float32 reads it too
        return False
    in_shape = pixels.images if pixels.value == pixels.normalized else pixels.value
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == quantizing[0].output[0]:
                node.input[index] = in_shape
            elif name == pixels.normalized and node.op_type in _SHAPE_OPERATORS:
                node.input[index] = pixels.images
    return True


def reads_pixels(graph: onnx.GraphProto) -> bool:
    """Return whether the images go into the first layer without being normalized."""
    images = graph.input[0].name
    return not any(node.op_type == "Cast" and images in node.input for node in graph.node)


def _only_consumer(graph: onnx.GraphProto, value: str) -> onnx.NodeProto | None:
    """Return the only node that takes the value, if there is one; to ask for its shape is free."""
    consumers = [node for node in graph.node if value in node.input and node.op_type != "Shape"]
    return consumers[0] if len(consumers) == 1 else None
