"""`models`: the networks that --model takes by name, and what each costs."""

from typing import TYPE_CHECKING

import click

from commands.completion_values import words
from commands.options import output_options
from errors import UnusableError
from models import MODEL_NAMES

if TYPE_CHECKING:  # at run time it loads torch
    from models.listing import Listed


@click.command("models")
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1, shell_complete=words(*MODEL_NAMES))
@output_options
def command(patterns: tuple[str, ...], as_json: bool) -> None:
    """List networks with their parameters, multiply-adds of one image, and the images' size.

    Ours are counted with MNIST's grey 28x28 pixels and 10 classes, those of libraries with RGB
    images of the size that they were designed for and 1,000 classes. All but timm's are listed
    unless a pattern says which; timm's need their prefix.

    \b
    Examples: python cli.py models 'resnet*'
              python cli.py models 'timm:mobilenetv4*'
    """
    from artifacts.environment import is_installed

    if not is_installed("torch"):
        raise UnusableError("models", "PyTorch, which counts for it, is not installed here")
    from commands.console import print_json, show_log
    from commands.progress import loading, step_progress

    show_log()
    with loading():
        from models.listing import listed, matching_names
    names = matching_names(patterns)
    found = []
    with step_progress("models") as progress:
        for number, name in enumerate(names, start=1):
            found.append(listed(name))
            progress("networks", number, len(names))
    if as_json:
        print_json({"schema": 1, "models": [_as_dict(network) for network in found]})
    else:
        _print(found)


def _as_dict(network: "Listed") -> dict[str, object]:
    return {
        "name": network.name,
        "summary": network.summary,
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
        "image_shape": network.image_shape,
        "classes": network.classes,
    }


def _print(networks: "list[Listed]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from commands.console import results

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("network", overflow="fold")
    for heading in ("parameters", "multiply-adds", "images"):
        table.add_column(heading, justify="right", no_wrap=True)
    for network in networks:
        channels, height, width = network.image_shape
        table.add_row(
            network.name,
            f"{network.parameters:,}",
            f"{network.multiply_adds / 1e6:,.1f} M",
            f"{channels}x{height}x{width}",
        )
    results.print(table)
