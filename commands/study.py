"""`study`: the experiments behind the theory questions, each a command of its own."""

import click

from commands.lazy_group import LazyGroup, help_unless_called

# In the order of --help; commands/study_NAME.py has each.
STUDIES = ("losses", "convexity", "architectures")


@click.group(
    "study",
    cls=LazyGroup,
    names=STUDIES,
    module="commands.study_{}",
    called="study",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Settle a question by experiment.

    A study writes what was measured, and a page of it, into a directory of its own.

    \b
    Examples: python cli.py study convexity
              python cli.py study losses --dataset mnist
    """
    help_unless_called(ctx)
