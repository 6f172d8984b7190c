"""Layers put back to float32, the most harmful first, until a graph is accurate enough."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import onnx

from artifacts.variant_records import Float32Layer, ValidationAccuracy
from errors import UnfinishedError
from export.judge import Judge
from export.layers import Layer
from export.reduced import OnStep

Quantize = Callable[[Collection[str]], onnx.ModelProto]  # nodes that stay in float32 -> graph

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class AccurateEnough:
    """A quantized graph that costs no more accuracy than it may."""

    model: onnx.ModelProto
    float32_layers: tuple[Float32Layer, ...]
    validation: ValidationAccuracy


def accurate_enough(
    layers: Sequence[Layer],
    quantize: Quantize,
    judge: Judge,
    *,
    asked: Sequence[Layer],
    on_step: OnStep,
) -> AccurateEnough:
    """Return the quantized graph, with as many layers in float32 as its accuracy wants.

    Where it loses more than it may, each layer is quantized alone, and its harm is how far the
    softmax of the network moves: the Kullback-Leibler divergence from the float32 network, mean
    over validation images. Then they are put back one by one in the order of their harm.

    Args:
        layers: of the graph, those that can be quantized.
        quantize: makes the graph with some nodes left in float32.
        judge: counts right answers on the validation split.
        asked: layers that stay in float32 whatever they do.
        on_step: is told how it goes on.

    Raises:
        UnfinishedError: it loses more with every layer in float32 but one.
    """
    kept = [
        Float32Layer(
            layer=layer.name, node=layer.node, reason="asked", divergence=None, correct=None
        )
        for layer in asked
    ]
    model = quantize([layer.node for layer in kept])
    correct = all_int8_correct = judge.correct(model)
    if not judge.is_enough(correct):
        log.info(
            "INT8 loses %.2f points of the validation accuracy: layers are put back to float32",
            judge.lost(correct),
        )
        free = [layer for layer in layers if layer not in asked]
        for layer, divergence in _harms(layers, free, quantize, judge, on_step)[:-1]:
            model = quantize([*(one.node for one in kept), layer.node])
            correct = judge.correct(model)
            kept.append(
                Float32Layer(
                    layer=layer.name,
                    node=layer.node,
                    reason="accuracy",
                    divergence=divergence,
                    correct=correct,
                )
            )
            if judge.is_enough(correct):
                break
    if not judge.is_enough(correct):
        raise UnfinishedError(
            "--precision int8",
            f"loses {judge.lost(correct):.2f} points of the validation accuracy with"
            f" {len(kept)} of {len(layers)} layers in float32, more than --max-accuracy-drop"
            f" {judge.max_accuracy_drop:g}",
            hint="try another --calibration, or --precision fp16",
        )
    return AccurateEnough(
        model=model,
        float32_layers=tuple(kept),
        validation=ValidationAccuracy(
            examples=judge.examples,
            float32_correct=judge.float32_correct,
            all_int8_correct=all_int8_correct,
            correct=correct,
            max_accuracy_drop=judge.max_accuracy_drop,
        ),
    )


def _harms(
    layers: Sequence[Layer],
    free: Sequence[Layer],
    quantize: Quantize,
    judge: Judge,
    on_step: OnStep,
) -> list[tuple[Layer, float]]:
    """Return the free layers, each with its harm if it alone is INT8; the most harmful first."""
    harms = []
    for number, layer in enumerate(free):
        on_step("harm of each layer", number, len(free))
        others = [other.node for other in layers if other is not layer]
        harms.append((layer, judge.divergence(quantize(others))))
    on_step("harm of each layer", len(free), len(free))
    return sorted(harms, key=lambda pair: -pair[1])
