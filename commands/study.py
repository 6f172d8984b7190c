"""`study`: the experiments behind the theory questions, each a command of its own."""

import importlib.util

import click

from commands.lazy_group import LazyGroup, help_unless_called

# In the order of --help; commands/study_NAME.py has each.
STUDIES = ("losses", "convexity", "architectures")


@click.group(
    "study",
    cls=LazyGroup,
    names=[name for name in STUDIES if importlib.util.find_spec(f"commands.study_{name}")],
    module="commands.study_{}",
    called="study",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Settle a question by experiment, and write what was measured.

    A study writes study.json into its directory, and `report` makes a page of it.

    \b
    Examples: python cli.py study convexity
              python cli.py study losses --dataset mnist
    """
    help_unless_called(ctx)
