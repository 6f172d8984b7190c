"""From arguments to an exit code: which command runs, and how its errors are told."""

import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import click

from artifacts.version import ONNXPROOF_VERSION
from errors import OnnxproofError, UnfinishedError

COMMANDS = ("train", "export", "evaluate", "pipeline", "doctor")  # in the order of --help
EXIT_USAGE = 2
EXIT_UNFINISHED = UnfinishedError.exit_code


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, nothing but `main` catches it."""


@dataclass
class Invocation:
    """What `main` must know of the options after the command has failed."""

    debug: bool = False


class _CommandGroup(click.Group):
    """Loads commands/NAME.py when its command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            wanted = ", ".join(COMMANDS)
            raise click.UsageError(f"unknown command {args[0]!r}: wanted one of {wanted}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(ONNXPROOF_VERSION, prog_name="onnxproof")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Train a network in PyTorch, export it to ONNX, and prove that it is the same.

    \b
      python cli.py train
      python cli.py export
      python cli.py evaluate --provider cpu

    Exit codes: 0 passed, 1 verdict failed, 2 wrong usage, 3 provider or device not usable here,
    4 a file is missing or damaged, 5 could not be finished, 130 and 143 stopped by a signal.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(EXIT_USAGE)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    invocation = Invocation()
    earlier = signal.signal(signal.SIGTERM, _terminate)
    try:
        outcome = cli.main(
            args=list(arguments), prog_name="cli.py", standalone_mode=False, obj=invocation
        )
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except click.UsageError as error:
        return _told(_usage_line(error), None, EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _told("stopped by SIGINT; what was finished is kept", None, 130)
    except Terminated:
        return _told("stopped by SIGTERM; what was finished is kept", None, 143)
    except BrokenPipeError:
        # The reader of our output has enough. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if invocation.debug:
            traceback.print_exc()
        return _told_error(error)
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _told_error(error: Exception) -> int:
    """Tell any exception in one line and return the exit code that belongs to it."""
    if isinstance(error, OnnxproofError):
        return _told(str(error), error.hint, error.exit_code)
    # torch's is a RuntimeError of this name; torch itself may not even be loaded here.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return _told("out of memory", "try a smaller --batch-size", EXIT_UNFINISHED)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
        name = error.filename or "disk"
        return _told(f"{name}: {error.strerror}", None, EXIT_UNFINISHED)
    what = str(error).strip().splitlines()
    line = f"internal: {type(error).__name__}: {what[0] if what else 'no message'}"
    return _told(
        line, "run the same command with --debug and report what it prints", EXIT_UNFINISHED
    )


def _told(line: str, hint: str | None, exit_code: int) -> int:
    click.echo(f"error: {' '.join(line.split())}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return exit_code


def _usage_line(error: click.UsageError) -> str:
    """Return click's complaint as `<option>: <what is wrong>`."""
    if isinstance(error, click.NoSuchOption):
        nearest = (
            f"; did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        )
        return f"{error.option_name}: no such option{nearest}"
    if isinstance(error, click.BadParameter) and error.param is not None:
        name = max(error.param.opts, key=len) if error.param.opts else error.param.name
        return f"{name}: {error.message or 'is missing'}"
    if isinstance(error, click.BadOptionUsage):
        return f"{error.option_name}: {error.message}"
    return error.format_message()


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
