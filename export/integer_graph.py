"""Float32 graphs to INT8 by ONNX Runtime's quantizer: the only file that imports it.

The quantizer is a tool that reads and writes graphs; nothing here runs a network for its answers.
"""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from artifacts import choices
from artifacts.logits import Images
from errors import UnfinishedError
from export.layers import WEIGHTED_OPERATORS
from export.pixels import QuantizedPixels
from export.quiet import quiet

# Beside the layers only what passes integers on. Additions and activations with curves gain
# nothing (ResNet-18 and ResNet-50: 3.5 times float32 with and without) and cost accuracy.
_PASSING_ON = ("Relu", "Clip", "MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Pad")
_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
_ACTIVATIONS = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}


@dataclass(frozen=True, kw_only=True)
class QuantizerOptions:
    """How values become integers; weights are int8, symmetric, a scale for each output channel."""

    activations: choices.ActivationType
    method: choices.RangeMethod
    percentile: float  # of the values, that a range holds with that method


class StaticQuantizer:
    """Quantizes one graph with ranges that are taken once, for any choice of its layers."""

    def __init__(
        self,
        model: onnx.ModelProto,
        options: QuantizerOptions,
        pixels: QuantizedPixels | None,
        folder: Path,
    ) -> None:
        """Prepare to quantize.

        Args:
            model: whose weights are inside.
            options: how values become integers.
            pixels: the value that is the images' own pixels, where there is one.
            folder: for files between the steps.
        """
        self._model = model
        self._options = options
        self._pixels = pixels
        self._ranges = folder / f"ranges-{options.method}-{options.percentile}.json"
        self._output = folder / "quantized.onnx"

    def calibrate(self, input_name: str, batches: Iterator[Images], batch_count: int) -> None:
        """Take the ranges of all values from the images.

        Raises:
            UnfinishedError: the quantizer cannot read the graph, or a range is not finite.
        """
        self._quantized((), _Reader(input_name, batches, batch_count))

    def quantized(self, float32_nodes: Collection[str]) -> onnx.ModelProto:
        """Return the graph with all its layers in INT8 but for these nodes.

        Raises:
            UnfinishedError: the quantizer cannot do it.
        """
        return self._quantized(float32_nodes, None)

    def _quantized(
        self, float32_nodes: Collection[str], reader: CalibrationDataReader | None
    ) -> onnx.ModelProto:
        is_signed = self._options.activations == "int8"
        extra: dict[str, Any] = {
            "CalibStridedMinMax": 1,  # a batch at a time, so that memory does not grow
            "CalibPercentile": self._options.percentile,
            "ActivationSymmetric": is_signed,  # TensorRT takes no other zero point than 0
            "CalibTensorRangeSymmetric": is_signed,
        }
        if self._pixels is not None:
            extra["TensorQuantOverrides"] = {self._pixels.value: [self._pixels.parameters]}
        with _told():
            quantize_static(
                _copy(self._model),
                self._output,
                reader,
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=[*WEIGHTED_OPERATORS, *_PASSING_ON],
                per_channel=True,
                activation_type=_ACTIVATIONS[self._options.activations],
                weight_type=QuantType.QInt8,
                nodes_to_exclude=sorted(float32_nodes),
                calibrate_method=_METHODS[self._options.method],
                calibration_cache_path=self._ranges,
                extra_options=extra,
            )
        return onnx.load(self._output)


def dynamically_quantized(
    model: onnx.ModelProto, float32_nodes: Collection[str], folder: Path
) -> onnx.ModelProto:
    """Return the graph with the weights of its linear layers in INT8, ranges taken from each batch.

    Raises:
        UnfinishedError: the quantizer cannot do it.
    """
    output = folder / "quantized.onnx"
    with _told():
        quantize_dynamic(
            _copy(model),
            output,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted(float32_nodes),
        )
    return onnx.load(output)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    """Gives the images of one batch after another, as the quantizer asks for them."""

    def __init__(self, input_name: str, batches: Iterator[Images], batch_count: int) -> None:
        self._input_name = input_name
        self._batches = batches
        self._batch_count = batch_count
        self._left = batch_count

    def __len__(self) -> int:
        return self._batch_count

    def set_range(self, start_index: int, end_index: int) -> None:
        """Begin the next few batches; they are asked for in order."""
        self._left = end_index - start_index

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next batch, or None at the end of those that were asked for."""
        batch = next(self._batches, None) if self._left > 0 else None
        self._left -= 1
        return None if batch is None else {self._input_name: np.ascontiguousarray(batch)}


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy for the quantizer to change.

    Without the types of values inside: the quantizer infers them again, and trips over those of
    weights that it has transposed.
    """
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    del copied.graph.value_info[:]
    return copied


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Keep the quantizer's talk off the streams, and tell what it ends with in one line."""
    try:
        with quiet():
            yield
    except (MemoryError, OSError):
        raise
    except Exception as error:  # it raises what its parts raise: ONNX, ONNX Runtime, numpy
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnfinishedError(
            "--precision int8", f"ONNX Runtime's quantizer cannot quantize the graph: {reason}"
        ) from error
