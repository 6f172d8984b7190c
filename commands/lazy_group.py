"""A group of commands, each in a file of its own that is loaded when the command is called."""

import importlib
from collections.abc import Sequence
from typing import Any

import click

from errors import UsageError


class LazyGroup(click.Group):
    """Loads the module of a command when the command is called.

    Args:
        names: of its commands, in the order of --help.
        module: of a command, with {} in the place of its name; has it as `command`.
        called: what a command is called where an unknown one is refused.
        arguments: those of click.Group.
    """

    def __init__(
        self, *, names: Sequence[str], module: str, called: str = "command", **arguments: Any
    ) -> None:
        super().__init__(invoke_without_command=True, **arguments)  # see `help_unless_called`
        self.names = tuple(names)
        self._module = module
        self._called = called

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, whose module is loaded now; None where there is none."""
        if cmd_name not in self.names:
            return None
        command: click.Command = importlib.import_module(self._module.format(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and the arguments left.

        Raises:
            click.UsageError: there is no such command.
        """
        if args[0] not in self.names and not args[0].startswith("-"):
            wanted = ", ".join(self.names)
            raise click.UsageError(f"unknown {self._called} {args[0]!r}: wanted one of {wanted}")
        return super().resolve_command(ctx, args)


def help_unless_called(ctx: click.Context) -> None:
    """Print the help and end with the exit code of wrong usage where no command was named."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(UsageError.exit_code)
