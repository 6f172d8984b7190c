"""From arguments to an exit code: which command runs, and how its errors are told."""

import contextlib
import errno
import math
import shlex
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

import click

from artifacts.version import ONNXPROOF_VERSION
from commands.lazy_group import LazyGroup, help_unless_called
from commands.streams import forgiving_streams, in_one_line
from errors import OnnxproofError, UnfinishedError, UsageError

# In the order of --help.
COMMANDS = (
    *("train", "export", "evaluate", "predict", "serve", "verify"),
    *("compare", "report", "pipeline", "tune", "study"),
    *("models", "datasets", "doctor", "completion"),
)
# A signal that comes again so soon is the same one: of a terminal and of what watches over us, say.
# Raised twice, the second would hit the telling of the first.
SAME_STOP_SECONDS = 0.5
EXIT_USAGE = UsageError.exit_code
EXIT_UNFINISHED = UnfinishedError.exit_code
# What the system says of them needs no more words.
_TOLD_BY_THE_SYSTEM = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ENAMETOOLONG)


class Stopped(BaseException):
    """A signal arrived; nothing but `main` catches it."""


@dataclass
class Invocation:
    """What `main` must know after the command has ended."""

    debug: bool = False
    stopped_by: signal.Signals | None = None
    defers_stop: bool = False
    is_over: bool = False
    raised_at: float = -math.inf  # by the monotonic clock: the last time that `stop` raised

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Note the signal, which counts whatever error it leads to, and raise unless deferred."""
        is_first = self.stopped_by is None
        self.stopped_by = signal.Signals(number)
        if self.is_over:  # and is being told
            return
        if self.defers_stop and is_first:  # who asks twice does not want to wait
            return
        now = time.monotonic()
        if now - self.raised_at > SAME_STOP_SECONDS:
            self.raised_at = now
            raise Stopped

    @contextlib.contextmanager
    def lost_stops_repeated(self) -> Iterator[None]:
        """Stop once more where Python dropped it: what a destructor raises goes nowhere."""
        earlier, here = sys.unraisablehook, threading.get_ident()

        def repeat(lost: "sys.UnraisableHookArgs") -> None:
            if issubclass(lost.exc_type, Stopped) and self.stopped_by is not None:
                self.raised_at = -math.inf
                threading.Timer(0.01, signal.pthread_kill, [here, self.stopped_by]).start()
            else:
                earlier(lost)

        sys.unraisablehook = repeat
        try:
            yield
        finally:
            sys.unraisablehook = earlier

    @contextlib.contextmanager
    def deferred_stop(self) -> Iterator[Callable[[], bool]]:
        """Let the block find out by the function it is given that a signal came; stop after it."""
        self.defers_stop = True
        try:
            yield lambda: self.stopped_by is not None
        finally:
            self.defers_stop = False
        if self.stopped_by is not None:
            raise Stopped


def command_line() -> str:
    """Return this process' command as it could be typed again."""
    return shlex.join(["python", *sys.argv])


@click.group(
    cls=LazyGroup,
    names=COMMANDS,
    module="commands.{}",
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
    help_unless_called(ctx)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    invocation = Invocation()
    stops = (signal.SIGINT, signal.SIGTERM)
    earlier = [signal.signal(number, invocation.stop) for number in stops]
    try:
        with forgiving_streams(), invocation.lost_stops_repeated():
            return _exit_code(arguments, invocation)
    except Stopped:  # a second one, before the first was told
        return _told_stop(invocation, None)
    except OSError as error:  # standard output is on a full disk, say
        return _told(f"standard output: {error.strerror}", None, EXIT_UNFINISHED)
    finally:
        for number, handler in zip(stops, earlier, strict=True):
            signal.signal(number, handler)


def _exit_code(arguments: Sequence[str], invocation: Invocation) -> int:
    try:
        _refuse_names_that_are_not_text(arguments)
        outcome = cli.main(
            args=list(arguments), prog_name="cli.py", standalone_mode=False, obj=invocation
        )
        return outcome if isinstance(outcome, int) else 0
    except click.UsageError as error:
        return _told(_usage_line(error), None, EXIT_USAGE)
    except (Stopped, Exception) as error:
        invocation.is_over = True
        if invocation.stopped_by is not None:
            return _told_stop(invocation, error.hint if isinstance(error, OnnxproofError) else None)
        if invocation.debug:
            traceback.print_exc()
        return told_error(error)


def _told_stop(invocation: Invocation, hint: str | None) -> int:
    assert invocation.stopped_by is not None
    line = f"stopped by {invocation.stopped_by.name}; what was finished is kept"
    return _told(line, hint, 128 + invocation.stopped_by)


def _refuse_names_that_are_not_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(repr(argument), "is not valid UTF-8, which records need") from None


def told_error(error: BaseException) -> int:
    """Tell any exception in one line and return the exit code that belongs to it."""
    if isinstance(error, OnnxproofError):
        return _told(str(error), error.hint, error.exit_code)
    # torch's is a RuntimeError of this name; torch itself may not even be loaded here.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return _told("out of memory", "try a smaller batch size", EXIT_UNFINISHED)
    if isinstance(error, OSError) and error.errno in _TOLD_BY_THE_SYSTEM:
        name = error.filename or "a file or stream"
        return _told(f"{name}: {error.strerror}", None, EXIT_UNFINISHED)
    what = str(error).strip().splitlines()
    line = f"internal: {type(error).__name__}: {what[0] if what else 'no message'}"
    return _told(
        line, "run the same command with --debug and report what it prints", EXIT_UNFINISHED
    )


def _told(line: str, hint: str | None, exit_code: int) -> int:
    # Names out of a stranger's file must not reach a terminal as orders to it.
    with contextlib.suppress(OSError):  # there is nobody to tell
        click.echo(f"error: {in_one_line(' '.join(line.split()))}", err=True)
        if hint:
            click.echo(f"hint: {in_one_line(hint)}", err=True)
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
