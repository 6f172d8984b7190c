"""INT8: ranges from training images, or from each batch; as many layers as accuracy allows."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from artifacts.choices import (
    CALIBRATION_IMAGES,
    MAX_ACCURACY_DROP,
    ActivationType,
    CalibrationMethod,
    RangeMethod,
)
from artifacts.engine import Engine
from artifacts.logits import LogitsFunction
from artifacts.variant_records import Quantization, Ranges
from data.calibration import ReductionData
from data.images_at_once import images_at_once
from errors import UnfinishedError
from export.integer_graph import QuantizerOptions, StaticQuantizer, dynamically_quantized
from export.judge import Judge
from export.layers import Layer, asked_layers, layers_of
from export.pixels import quantized_pixels, read_pixels_directly, reads_pixels
from export.put_back import Quantize, accurate_enough
from export.reduced import OnStep, Reduced, calibration_set, counted_batches
from export.tidy import tidied
from storage.temporary import temporary_directory

CALIBRATION_BATCH = 32
PERCENTILE = 99.99
# The largest value of all is a good bound, unless a few values are far above the others: then it is
# better to cut those off, and how many, depends on the network.
_AUTO: tuple[tuple[RangeMethod, float], ...] = (
    ("minmax", PERCENTILE),
    ("percentile", 99.99),
    ("percentile", 99.9),
    ("percentile", 99.5),
)
_LAST: tuple[RangeMethod, float] = ("entropy", PERCENTILE)  # takes several times as long
_LINEAR = ("Gemm", "MatMul")


@dataclass(frozen=True, kw_only=True)
class Int8Options:
    """What the user decides about INT8.

    Attributes:
        method: how ranges follow from the values seen.
        percentile: of the values, that a range holds with that method.
        activations: unsigned is what CPUs multiply fastest; TensorRT takes signed ones alone.
        calibration_images: how many training images the ranges are taken from.
        float32_layers: that stay in float32: names, `first`, `last`.
        max_accuracy_drop: points of the validation accuracy that may be lost.
    """

    method: CalibrationMethod = "auto"
    percentile: float = PERCENTILE
    activations: ActivationType = "uint8"
    calibration_images: int = CALIBRATION_IMAGES
    float32_layers: tuple[str, ...] = ()
    max_accuracy_drop: float = MAX_ACCURACY_DROP


def static_int8(
    model: onnx.ModelProto,
    data: ReductionData,
    options: Int8Options,
    engine: Engine,
    on_step: OnStep,
) -> Reduced:
    """Return the graph with layers in INT8 and ranges that were taken from training images.

    With `auto`, several ways to take ranges are tried, and those whose answers to the validation
    images are nearest to float32's are taken; by entropy only where the others lose too much. Where
    all do, layers are put back.

    Raises:
        UsageError: a layer to keep is none of the graph.
        UnfinishedError: it has no layers, cannot be quantized, or loses more than it may.
    """
    layers = layers_of(model.graph)
    _require_layers(layers, "layers with weights")
    asked = asked_layers(options.float32_layers, layers)
    with temporary_directory() as folder:
        judge = _judge(model, data, options, engine, folder)

        def attempt(method: RangeMethod, percentile: float) -> tuple[Ranges, Quantize]:
            quantize = _calibrated(
                model, layers, data, options, method, percentile, folder, on_step
            )
            on_step("validation of the ranges", 0, 0)
            quantized = quantize([layer.node for layer in asked])
            ranges = Ranges(
                method=method,
                percentile=percentile if method == "percentile" else None,
                correct=judge.correct(quantized),
                divergence=judge.divergence(quantized),
            )
            return ranges, quantize

        if options.method == "auto":
            tried = [attempt(*way) for way in _AUTO]
            if not any(judge.is_enough(ranges.correct) for ranges, _ in tried):
                tried.append(attempt(*_LAST))
        else:
            tried = [attempt(options.method, options.percentile)]
        ranges, quantize = min(tried, key=lambda one: _badness(one[0], judge))
        enough = accurate_enough(layers, quantize, judge, asked=asked, on_step=on_step)
    return Reduced(
        model=enough.model,
        quantization=Quantization(
            per_channel=True,
            activations=options.activations,
            ranges=ranges,
            tried_ranges=tuple(one for one, _ in tried if one is not ranges),
            calibration=calibration_set(data.calibration, data.seed),
            pixels_are_quantized=reads_pixels(enough.model.graph),
            layers=len(layers),
            float32_layers=enough.float32_layers,
            validation=enough.validation,
        ),
    )


def dynamic_int8(
    model: onnx.ModelProto,
    data: ReductionData,
    options: Int8Options,
    engine: Engine,
    on_step: OnStep,
) -> Reduced:
    """Return the graph with its linear layers in INT8 and ranges that each batch sets anew.

    Raises:
        UsageError: a layer to keep is none of the graph.
        UnfinishedError: it has no linear layers, cannot be quantized, or loses more than it may.
    """
    layers = tuple(layer for layer in layers_of(model.graph) if layer.op_type in _LINEAR)
    _require_layers(layers, "linear layers")
    asked = asked_layers(options.float32_layers, layers)
    products = _products_of_activations(model, layers)
    with temporary_directory() as folder:

        def quantize(float32_nodes: Collection[str]) -> onnx.ModelProto:
            nodes = {*float32_nodes, *products}
            return tidied(dynamically_quantized(model, nodes, folder), model)

        judge = _judge(model, data, options, engine, folder)
        enough = accurate_enough(layers, quantize, judge, asked=asked, on_step=on_step)
    return Reduced(
        model=enough.model,
        quantization=Quantization(
            per_channel=True,
            activations="uint8",
            ranges=Ranges(method="each batch", correct=enough.validation.all_int8_correct),
            calibration=None,
            pixels_are_quantized=False,
            layers=len(layers),
            float32_layers=enough.float32_layers,
            validation=enough.validation,
        ),
    )


def _badness(ranges: Ranges, judge: Judge) -> tuple[bool, float]:
    """Return what ranges are chosen by: first those that are accurate enough, then the nearest."""
    assert ranges.divergence is not None  # else nothing is tried
    return not judge.is_enough(ranges.correct), ranges.divergence


def _calibrated(
    model: onnx.ModelProto,
    layers: Sequence[Layer],
    data: ReductionData,
    options: Int8Options,
    method: RangeMethod,
    percentile: float,
    folder: Path,
    on_step: OnStep,
) -> Quantize:
    """Return what quantizes the graph, with ranges taken from the calibration images."""
    part = data.calibration
    size = images_at_once(CALIBRATION_BATCH, part.images_NCHW.shape[2:])
    pixels = quantized_pixels(model.graph) if options.activations == "uint8" else None
    products = _products_of_activations(model, layers)
    quantizer = StaticQuantizer(
        model,
        QuantizerOptions(activations=options.activations, method=method, percentile=percentile),
        pixels,
        folder,
    )
    batches = counted_batches(part, size, on_step)
    quantizer.calibrate(model.graph.input[0].name, batches, math.ceil(len(part) / size))

    def quantize(float32_nodes: Collection[str]) -> onnx.ModelProto:
        quantized = quantizer.quantized({*float32_nodes, *products})
        if pixels is not None:
            read_pixels_directly(quantized.graph, pixels)
        return tidied(quantized, model)

    return quantize


def _judge(
    model: onnx.ModelProto,
    data: ReductionData,
    options: Int8Options,
    engine: Engine,
    folder: Path,
) -> Judge:
    path = folder / "candidate.onnx"

    def open_model(candidate: onnx.ModelProto) -> LogitsFunction:
        onnx.save_model(candidate, path)
        return engine.open_logits(path)

    return Judge(model, open_model, data.validation, options.max_accuracy_drop)


def _require_layers(layers: Sequence[Layer], kind: str) -> None:
    if not layers:
        raise UnfinishedError("--precision", f"int8: the network has no {kind} to quantize")


def _products_of_activations(model: onnx.ModelProto, layers: Sequence[Layer]) -> set[str]:
    """Return products of two activations, as in attention: 8 bits are too few for their ranges."""
    weighted = {layer.node for layer in layers}
    return {
        node.name
        for node in model.graph.node
        if node.op_type in _LINEAR and node.name not in weighted
    }
