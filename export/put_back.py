"""Layers put back to float32, the most harmful first, until a graph is accurate enough.

Everything here is decided on the validation split, which chose the network's epoch too; the test
split is for the proof alone.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from artifacts.logits import Logits, LogitsFunction
from artifacts.variant_records import Float32Layer, ValidationAccuracy
from data.calibration import TrainingPart
from data.images_at_once import images_at_once
from errors import UnfinishedError
from export.layers import Layer
from export.reduced import OnStep

DIVERGENCE_IMAGES = 512  # to put layers in an order; accuracy is measured on all
IMAGES_AT_ONCE = 128
Quantize = Callable[[Collection[str]], onnx.ModelProto]  # nodes that stay in float32 -> graph
Open = Callable[[onnx.ModelProto], LogitsFunction]

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class AccurateEnough:
    """A quantized graph that costs no more accuracy than it may."""

    model: onnx.ModelProto
    float32_layers: tuple[Float32Layer, ...]
    validation: ValidationAccuracy


def accurate_enough(
    float32: onnx.ModelProto,
    layers: Sequence[Layer],
    quantize: Quantize,
    open_model: Open,
    validation: TrainingPart,
    *,
    asked: Sequence[Layer],
    max_accuracy_drop: float,
    on_step: OnStep,
) -> AccurateEnough:
    """Return the quantized graph, with as many layers in float32 as its accuracy wants.

    Where it loses more than it may, each layer is quantized alone, and its harm is how far the
    softmax of the network moves: the Kullback-Leibler divergence from the float32 network, mean
    over validation images. Accuracy itself is too coarse for that: one layer changes a few answers.

    Args:
        float32: the graph that is quantized.
        layers: its layers that can be quantized.
        quantize: makes the graph with some nodes left in float32.
        open_model: makes what computes a graph's logits.
        validation: images that decide.
        asked: layers that stay in float32 whatever they do.
        max_accuracy_drop: points of accuracy that the graph may lose.
        on_step: is told how it goes on.

    Raises:
        UnfinishedError: it loses more with every layer in float32 but one.
    """
    labels = validation.labels
    float32_correct = _correct(_logits(open_model(float32), validation), labels)
    kept = [
        Float32Layer(
            layer=layer.name, node=layer.node, reason="asked", divergence=None, correct=None
        )
        for layer in asked
    ]

    def measured(nodes: Collection[str]) -> tuple[onnx.ModelProto, int]:
        model = quantize(nodes)
        return model, _correct(_logits(open_model(model), validation), labels)

    def lost(correct: int) -> float:
        return 100 * (float32_correct - correct) / len(labels)

    model, all_int8_correct = measured([layer.node for layer in kept])
    correct = all_int8_correct
    if lost(correct) > max_accuracy_drop:
        log.info(
            "INT8 loses %.2f points of the validation accuracy: layers are put back to float32",
            lost(correct),
        )
        free = [layer for layer in layers if layer not in asked]
        harms = _harms(float32, layers, free, quantize, open_model, validation, on_step)
        for layer, divergence in harms[:-1]:
            model, correct = measured([*(one.node for one in kept), layer.node])
            kept.append(
                Float32Layer(
                    layer=layer.name,
                    node=layer.node,
                    reason="accuracy",
                    divergence=divergence,
                    correct=correct,
                )
            )
            if lost(correct) <= max_accuracy_drop:
                break
    if lost(correct) > max_accuracy_drop:
        raise UnfinishedError(
            "--precision int8",
            f"loses {lost(correct):.2f} points of the validation accuracy with"
            f" {len(kept)} of {len(layers)} layers in float32, more than --max-accuracy-drop"
            f" {max_accuracy_drop:g}",
            hint="try another --calibration, or --precision fp16",
        )
    return AccurateEnough(
        model=model,
        float32_layers=tuple(kept),
        validation=ValidationAccuracy(
            examples=len(labels),
            float32_correct=float32_correct,
            all_int8_correct=all_int8_correct,
            correct=correct,
            max_accuracy_drop=max_accuracy_drop,
        ),
    )


def _harms(
    float32: onnx.ModelProto,
    layers: Sequence[Layer],
    free: Sequence[Layer],
    quantize: Quantize,
    open_model: Open,
    validation: TrainingPart,
    on_step: OnStep,
) -> list[tuple[Layer, float]]:
    """Return the free layers, each with its harm if it alone is INT8; the most harmful first."""
    some = validation.sample(DIVERGENCE_IMAGES)
    wanted = _log_softmax(_logits(open_model(float32), some))
    harms = []
    for number, layer in enumerate(free):
        on_step("harm of each layer", number, len(free))
        others = [other.node for other in layers if other is not layer]
        found = _log_softmax(_logits(open_model(quantize(others)), some))
        harms.append((layer, divergence(wanted, found)))
    on_step("harm of each layer", len(free), len(free))
    return sorted(harms, key=lambda pair: -pair[1])


def divergence(wanted_NK: NDArray[np.float64], found_NK: NDArray[np.float64]) -> float:
    """Return the mean Kullback-Leibler divergence in nats, of logarithms of probabilities.

    Of answers that are not finite it is infinite, which no record holds: the largest float.
    """
    if not np.isfinite(found_NK).all():
        return float(np.finfo(np.float64).max)
    return float((np.exp(wanted_NK) * (wanted_NK - found_NK)).sum(axis=1).mean())


def _logits(function: LogitsFunction, part: TrainingPart) -> Logits:
    size = images_at_once(IMAGES_AT_ONCE, part.images_NCHW.shape[2:])
    return np.concatenate([function(np.ascontiguousarray(batch)) for batch in part.batches(size)])


def _correct(logits_NK: Logits, labels_N: NDArray[np.int64]) -> int:
    """Return how many are right; an answer that is not finite is none."""
    is_right = logits_NK.argmax(axis=1) == labels_N
    return int((is_right & np.isfinite(logits_NK).all(axis=1)).sum())


def _log_softmax(logits_NK: Logits) -> NDArray[np.float64]:
    shifted: NDArray[np.float64] = logits_NK.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted
