"""Options that several commands share, each written once. Imports nothing heavy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from commands.main import Invocation

Function = TypeVar("Function", bound=Callable[..., Any])


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
        help="digits, mnist, fashion-mnist, svhn, cifar10, or a path: .npz, IDX folder, pair of"
        f" SVHN .mat files, image folder.{shown}",
    )


def data_dir_option(function: Function) -> Function:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where datasets with a name lie, in torchvision's layout.  [default: $ONNXPROOF_DATA,"
        " else the user's cache directory]",
    )(function)


def run_option(help_text: str) -> Callable[[Function], Function]:
    """Add --run."""
    return click.option("--run", type=click.Path(file_okay=False, path_type=Path), help=help_text)


class PositiveIntegers(click.ParamType):
    """A comma-separated list of integers from 1 on, such as 1,32,256."""

    name = "N,N,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the integers in the order given."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < 1:
            self.fail(f"wanted integers from 1 on with commas between, found {value!r}", param, ctx)
        return numbers


class Names(click.ParamType):
    """A comma-separated list of names out of a fixed set."""

    name = "NAME,NAME,..."

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names in the order given."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        for name in names:
            if name not in self.choices:
                wanted = ", ".join(self.choices)
                self.fail(f"unknown name {name!r}: wanted some of {wanted}", param, ctx)
        return names
