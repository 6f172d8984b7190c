"""Options that several commands share, each written once. Imports nothing heavy."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from artifacts.choices import MODEL_TIMEOUT_SECONDS, PRECISIONS
from commands.completion_values import datasets, runs, words
from commands.main import Invocation
from models.hidden_layers import LARGEST_WIDTH

LARGEST_BATCH = 1 << 20  # images; more would be gigabytes of pixels
LARGEST_SIDE = 8192  # pixels

Function = TypeVar("Function", bound=Callable[..., Any])
Option = Callable[[Callable[..., Any]], Callable[..., Any]]


class FiniteRange(click.FloatRange):
    """A range of floats without NaN and infinity, with which a gate would never fail."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"wanted a finite number, found {value}", param, ctx)
        return number


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Invocation).debug = True


def output_options(function: Function) -> Function:
    """Add --json and --debug."""
    function = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_set_debug,
        help="Show a traceback when something fails.",
    )(function)
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
    )(function)


def dataset_option(default: str | None) -> Callable[[Function], Function]:
    """Add --dataset, for which None means the dataset that the run was trained on."""
    shown = "  [default: the run's own]" if default is None else ""
    return click.option(
        "--dataset",
        default=default,
        show_default=default is not None,
        metavar="NAME|PATH",
        shell_complete=datasets,
        help="digits, mnist, fashion-mnist, svhn, cifar10, or a path: .npz, IDX folder, pair of"
        f" SVHN .mat files, image folder, folder of images without labels.{shown}",
    )


def data_dir_option(function: Function) -> Function:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where datasets with a name lie, in torchvision's layout.  [default: $ONNXPROOF_DATA,"
        " else the user's cache directory]",
    )(function)


def _named_directory(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value == Path():  # an empty string is more likely an unset variable than this folder
        raise click.BadParameter("wanted a directory's name", ctx=ctx, param=param)
    return value


def run_option(help_text: str) -> Callable[[Function], Function]:
    """Add --run."""
    return click.option(
        "--run",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_named_directory,
        shell_complete=runs,
        help=help_text,
    )


def study_output_option(default: str) -> Callable[[Function], Function]:
    """Add --output, the directory of a study."""
    return click.option(
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_named_directory,
        metavar="DIR",
        help=f"Directory of the study.  [default: {default}]",
    )


def positive_integers(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Return the different integers of a list such as 1,32,256; a callback of click's options."""
    return None if value is None else tuple(dict.fromkeys(_integers(value, LARGEST_BATCH)))


def layer_widths(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Return all the integers of a list such as 128,128,64; a callback of click's options."""
    return None if value is None else _integers(value, LARGEST_WIDTH)


def _integers(text: str, most: int) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1 or max(numbers) > most:
        raise click.BadParameter(
            f"wanted integers from 1 to {most} with commas between, found {text!r}"
        )
    return numbers


def _height_and_width(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Return the two of 224, or of 192x256; a callback of click's options."""
    if value is None:
        return None
    height, _, width = value.lower().partition("x")
    sides = [int(side) if side.isascii() and side.isdigit() else 0 for side in (height, width)]
    if "x" not in value.lower():
        sides[1] = sides[0]
    if not 1 <= min(sides) <= max(sides) <= LARGEST_SIDE:
        raise click.BadParameter(
            f"wanted N or HEIGHTxWIDTH, each from 1 to {LARGEST_SIDE}, found {value!r}"
        )
    return sides[0], sides[1]


def device_option(help_text: str) -> Callable[[Function], Function]:
    """Add --device."""
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="auto|cpu|cuda|cuda:N|mps",
        shell_complete=words("auto", "cpu", "cuda", "mps"),
        help=f"{help_text} `auto` is CUDA where PyTorch can use it, else the CPU.",
    )


def provider_option(help_text: str = "ONNX Runtime's execution provider.") -> Option:
    """Add --provider."""
    return click.option(
        "--provider",
        default="cpu",
        show_default=True,
        metavar="cpu|cuda|tensorrt|openvino|...",
        shell_complete=words("cpu", "cuda", "openvino", "tensorrt"),
        help=f"{help_text} There is no fallback to another one.",
    )


def seed_option(help_text: str | None = None) -> Option:
    """Add --seed."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help=help_text,
    )


val_split_option = click.option(
    "--val-split",
    type=FiniteRange(min=0, max=1, min_open=True, max_open=True),
    help="Fraction of the training examples that validate.",
)
subset_option = click.option(
    "--subset",
    type=FiniteRange(min=0, max=1, min_open=True),
    default=1.0,
    show_default=True,
    help="Fraction of the training examples to use at all, stratified.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="Variant of the network.",
)
model_timeout_option = click.option(
    "--model-timeout",
    "timeout_seconds",
    type=FiniteRange(min=0.001),
    default=MODEL_TIMEOUT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Longest that one run of the network may take, and with --onnx all of its first trial.",
)
trust_code_option = click.option(
    "--trust-code",
    is_flag=True,
    help="Run the FILE.py that the run's network is defined in, though it was not named here as"
    " --model before; remembered for this content of the file. Read it first.",
)
image_size_option = click.option(
    "--image-size",
    callback=_height_and_width,
    metavar="N|HxW",
    help="Resize every image of the dataset to N by N pixels, or to height by width.",
)
batch_sizes_option = click.option(
    "--batch-sizes",
    callback=positive_integers,
    metavar="N,N,...",
    help="Batch sizes to time.  [default: 1,32; the graph's own where it fixes one]",
)
