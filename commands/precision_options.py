"""The options of `export` that say how a precision is reduced."""

from typing import TYPE_CHECKING

import click

from artifacts.choices import (
    ACTIVATION_TYPES,
    CALIBRATION_IMAGES,
    CALIBRATION_METHODS,
    MAX_ACCURACY_DROP,
    Precision,
)
from commands.completion_values import word_list
from commands.evaluate_options import Values, group
from commands.options import FiniteRange
from errors import UsageError

if TYPE_CHECKING:  # at run time it loads onnx
    from export.int8 import Int8Options

_OF_RANGES: tuple[Precision, ...] = ("int8",)
_OF_LAYERS: tuple[Precision, ...] = ("int8", "int8-dynamic")
_OF_IMAGES: tuple[Precision, ...] = ("int8", "fp16", "bf16")
_APPLIES = {
    "method": ("--calibration", _OF_RANGES),
    "percentile": ("--percentile", _OF_RANGES),
    "activations": ("--activations", _OF_RANGES),
    "calibration_images": ("--calibration-images", _OF_IMAGES),
    "float32_layers": ("--keep-float32", _OF_LAYERS),
    "max_accuracy_drop": ("--max-accuracy-drop", _OF_LAYERS),
}


def _names(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(dict.fromkeys(part.strip() for part in value.split(",")))


int8_options = group(
    "int8",
    click.option(
        "--calibration",
        "method",
        type=click.Choice(CALIBRATION_METHODS),
        help="int8: how the range of a value follows from what was seen; auto takes what is nearest"
        " to float32 on the validation images.  [default: auto]",
    ),
    click.option(
        "--percentile",
        type=FiniteRange(min=50, max=100),
        help="With --calibration percentile: of the values, that a range holds.  [default: 99.99]",
    ),
    click.option(
        "--calibration-images",
        type=click.IntRange(1, 1_000_000),
        help=f"How many training images are looked at.  [default: {CALIBRATION_IMAGES}]",
    ),
    click.option(
        "--activations",
        type=click.Choice(ACTIVATION_TYPES),
        help="int8: uint8 for CPUs; int8, with the zero point 0, for TensorRT.  [default: uint8]",
    ),
    click.option(
        "--keep-float32",
        "float32_layers",
        callback=_names,
        metavar="LAYER,...",
        shell_complete=word_list(("first", "last")),
        help="int8: layers that stay in float32: first, last, or names such as layer1.0.conv1.",
    ),
    click.option(
        "--max-accuracy-drop",
        type=FiniteRange(min=0, max=100),
        help="int8: put layers back to float32 until the validation accuracy loses no more points"
        f" than this.  [default: {MAX_ACCURACY_DROP:g}]",
    ),
)


def given_int8_options(precision: Precision, values: Values) -> "Int8Options":
    """Return the options that were given, and for the others what is usual.

    Raises:
        UsageError: one does not apply to the precision.
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        option, precisions = _APPLIES[name]
        if precision not in precisions:
            raise UsageError(option, f"wants --precision {' or '.join(precisions)}")
    if "percentile" in given and given.get("method") != "percentile":
        raise UsageError("--percentile", "wants --calibration percentile")
    from export.int8 import Int8Options

    return Int8Options(**given)
