"""How a variant's precision was reduced, as lines."""

from artifacts.export_records import Variant
from artifacts.variant_records import HalfPrecision, Quantization, Ranges, ValidationAccuracy
from commands.timing_lines import Pairs

MOST_NAMED = 8


def reduction_pairs(variant: Variant) -> Pairs:
    """Return a name and a text for each thing that was decided; none of float32."""
    if variant.half_precision is not None:
        return _half_pairs(variant.half_precision)
    if variant.quantization is not None:
        return _int8_pairs(variant.quantization)
    return []


def _half_pairs(half: HalfPrecision) -> Pairs:
    kept = half.float32_nodes
    largest = [
        f"{node.layer or node.node} ({node.value} reaches"
        f" {'infinity' if node.max_abs is None else f'{node.max_abs:.3g}'})"
        for node in kept
    ]
    return [
        ("calibrated", f"on {half.calibration.images} training images"),
        ("in float32", _listed(largest) if kept else f"none of {half.nodes} nodes overflows"),
    ]


def _int8_pairs(quantization: Quantization) -> Pairs:
    found = quantization.validation
    kept = [
        layer.layer
        if layer.divergence is None
        else f"{layer.layer} (harm {layer.divergence:.2g}: then {_percent(layer.correct, found)})"
        for layer in quantization.float32_layers
    ]
    ranges = range_method(quantization.ranges)
    if quantization.calibration is not None:
        ranges += f", of {quantization.calibration.images} training images"
    tried = [
        f"{range_method(one)} ({_percent(one.correct, found)})" for one in quantization.tried_ranges
    ]
    if tried:
        ranges += f"; nearer to float32 than {', '.join(tried)}"
    return [
        ("ranges", ranges),
        ("in float32", _listed(kept) if kept else f"none of {quantization.layers} layers"),
        (
            "validation",
            f"{_percent(found.correct, found)}, float32"
            f" {_percent(found.float32_correct, found)}, of {found.examples} images",
        ),
    ]


def range_method(ranges: Ranges) -> str:
    """Return how ranges were taken, in words."""
    return ranges.method if ranges.percentile is None else f"percentile {ranges.percentile:g}"


def _percent(correct: int | None, found: ValidationAccuracy) -> str:
    return f"{100 * (correct or 0) / found.examples:.2f}%"


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
