"""The options of `evaluate`, in groups: each reaches the command as one dict of its values.

`predict` and `serve` have some of them too.
"""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from artifacts.choices import INPUT_DTYPES, LAYOUTS, SCENARIOS
from commands.options import (
    FiniteRange,
    batch_sizes_option,
    image_size_option,
    model_timeout_option,
)
from errors import UsageError

Function = TypeVar("Function", bound=Callable[..., Any])
Values = dict[str, Any]  # of one group, by the names of its options
FILE_OPTION_NAMES = {
    "--reference-onnx": "reference_onnx",
    "--image-size": "image_size",
    "--input-scale": "scale",
    "--mean": "mean",
    "--std": "std",
    "--layout": "layout",
    "--input-dtype": "dtype",
}


def _number(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return a number, given as such or as a fraction like 1/255; a callback of click's options."""
    if value is None:
        return None
    numerator, _, denominator = value.partition("/")
    try:
        number = float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError):
        number = math.nan
    if not math.isfinite(number):
        raise click.BadParameter(
            f"wanted a number or a fraction such as 1/255, found {value!r}", ctx=ctx, param=param
        )
    return number


def number_list(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Return the numbers of a list such as 0.485,0.456,0.406; a callback of click's options."""
    if value is None:
        return None
    return tuple(
        number for part in value.split(",") if (number := _number(ctx, param, part)) is not None
    )


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the dict of key=value words; a callback of click's options."""
    pairs = {}
    for value in values:
        key, equals, content = value.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"wanted key=value, found {value!r}", ctx=ctx, param=param)
        pairs[key] = content
    return pairs


def group(name: str, *options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Return a decorator that adds the options and hands over their values together, as `name`."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def grouped(**values: Any) -> Any:
            own = {option: values.pop(option) for option in names}
            return function(**values, **{name: own})

        for option in reversed(options):
            grouped = option(grouped)
        added = grouped.__click_params__[-len(options) :]  # type: ignore[attr-defined]
        names = [parameter.name for parameter in added]
        return grouped  # type: ignore[return-value]

    return decorate


def refuse_options_of_files(file: Values) -> None:
    """Refuse what only `--onnx` wants, where a run is asked.

    Raises:
        UsageError: one of them was given.
    """
    for option, name in FILE_OPTION_NAMES.items():
        if file.get(name) is not None:
            raise UsageError(option, "wants --onnx: a run says it itself")


session_options = group(
    "session",
    click.option(
        "--provider-option",
        "provider_options",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_pairs,
        help="An option of the provider, as ONNX Runtime names it; may be repeated.",
    ),
    click.option(
        "--allow-cpu-nodes",
        is_flag=True,
        help="Let nodes that the provider cannot run go to the CPU.",
    ),
    click.option("--tf32", is_flag=True, help="Let both sides compute float32 in TF32 on a GPU."),
    click.option(
        "--threads",
        type=click.IntRange(1, 4096),
        help="Of ONNX Runtime and of PyTorch.  [default: the CPUs that this process may use]",
    ),
    model_timeout_option,
)
_INPUT_OPTIONS = (
    click.option(
        "--input-scale",
        "scale",
        callback=_number,
        metavar="NUMBER",
        help="With --onnx: multiply pixels by it, such as 1/255.",
    ),
    click.option(
        "--mean",
        callback=number_list,
        metavar="N,N,...",
        help="With --onnx: subtract it after scaling, one number or one a channel.",
    ),
    click.option(
        "--std",
        callback=number_list,
        metavar="N,N,...",
        help="With --onnx: divide by it then, one number or one a channel.",
    ),
    click.option(
        "--layout", type=click.Choice(LAYOUTS), help="With --onnx: where its shape does not tell."
    ),
    click.option(
        "--input-dtype",
        "dtype",
        type=click.Choice(INPUT_DTYPES),
        help="With --onnx: insist on this type of its input.",
    ),
)
input_options = group("input_form", *_INPUT_OPTIONS)
file_options = group(
    "file",
    click.option(
        "--onnx",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Evaluate this ONNX file, whoever made it, instead of a run; needs --dataset.",
    ),
    click.option(
        "--reference-onnx",
        type=click.Path(dir_okay=False, path_type=Path),
        help="With --onnx: hold it against this other file, run unoptimized on the CPU.",
    ),
    image_size_option,
    *_INPUT_OPTIONS,
)
gate_options = group(
    "gates",
    click.option("--min-accuracy", type=FiniteRange(min=0), help="Fail below this top-1 fraction."),
    click.option(
        "--max-accuracy-drop",
        type=FiniteRange(min=0),
        help="Fail if more percentage points are lost against PyTorch.",
    ),
    click.option("--max-flips", type=click.IntRange(min=0), help="Fail above this many flips."),
    click.option(
        "--max-p50-ms", type=FiniteRange(min=0), help="Fail above this median at any batch size."
    ),
    click.option(
        "--max-p99-ms",
        type=FiniteRange(min=0),
        help="The same for the 99th percentile; the bound of --scenario server.",
    ),
    click.option(
        "--min-speedup", type=FiniteRange(min=0), help="Fail below so many times PyTorch's speed."
    ),
)
timing_options = group(
    "timing",
    click.option("--no-latency", is_flag=True, help="Time nothing."),
    click.option(
        "--scenario",
        type=click.Choice(SCENARIOS),
        default="single-stream",
        show_default=True,
        help="One query after another; all at once, for throughput; or arrivals at random, for the"
        " largest rate whose p99 stays under --max-p99-ms.",
    ),
    batch_sizes_option,
    click.option(
        "--min-seconds",
        type=FiniteRange(min=0),
        default=1.0,
        show_default=True,
        help="Time each batch size at least so long.",
    ),
    click.option(
        "--min-samples",
        type=click.IntRange(min=1),
        help="And so many calls of it.  [default: 64; 662 with --max-p99-ms]",
    ),
    click.option(
        "--cuda-graph", is_flag=True, help="Also time both sides replaying a captured CUDA graph."
    ),
)
cluster_options = group(
    "cluster",
    click.option(
        "--ray",
        "address",
        is_flag=False,
        flag_value="local",
        metavar="[ADDRESS]",
        help="Compute accuracy and parity on Ray's workers: on this machine, or on the cluster at"
        " this address.",
    ),
    click.option(
        "--ray-workers",
        "workers",
        type=click.IntRange(1, 10_000),
        help="How many.  [default: one for each CPU, or GPU]",
    ),
)
