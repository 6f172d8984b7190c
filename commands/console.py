"""What the user sees: log lines and progress on standard error, results on standard output."""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from artifacts.training_records import Epoch

DRAW_EVERY_SECONDS = 0.05
LINE_EVERY_SECONDS = 10.0  # of a long step, where there is no terminal to draw a bar on

log = logging.getLogger("onnxproof")
results = Console(highlight=False, soft_wrap=False)
messages = Console(stderr=True, highlight=False)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        messages.print(prefix + record.getMessage(), markup=False, emoji=False, soft_wrap=True)


def show_log() -> None:
    """Let the project's log lines reach standard error."""
    if not log.handlers:
        log.addHandler(_Lines())
        log.setLevel(logging.INFO)


class StepProgress:
    """A bar for steps that say how far they are: a line now and then where there is no terminal."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}
        self._last_line = time.monotonic()
        self._last_drawn = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note that `done` of `total` parts of step `what` are finished."""
        if self._bar is None:
            self._print_line_if_due(what, done, total)
        elif 1 < done < total and time.monotonic() - self._last_drawn < DRAW_EVERY_SECONDS:
            pass  # drawing each of the 2,000 steps that a small network takes a second slows it
        else:
            self._last_drawn = time.monotonic()
            self._draw(self._bar, what, done, total)

    def _draw(self, bar: Progress, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = bar.add_task(what, total=total, completed=done)
        elif done < bar.tasks[self._tasks[what]].completed:  # the step begins again
            bar.reset(self._tasks[what], total=total, completed=done)
        else:
            bar.update(self._tasks[what], total=total, completed=done)

    def _print_line_if_due(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = now
            log.info("%s: %d of %d", what, done, total)


@contextlib.contextmanager
def step_progress() -> Iterator[StepProgress]:
    """Show the progress of steps while the block runs."""
    with _bar_on_terminal() as bar:
        yield StepProgress(bar)


class TrainingProgress:
    """Tells how a training goes on: a bar for the batches, a line for each epoch."""

    def __init__(self, steps: StepProgress) -> None:
        self._steps = steps

    def on_batch(self, done: int, total: int) -> None:
        """Move the bar."""
        self._steps("batches of this epoch", done, total)

    def on_epoch(self, epoch: Epoch, epochs: int) -> None:
        """Print the epoch's line."""
        log.info(
            "epoch %*d/%d  loss %.4f  train %.2f%%  validation %.2f%%  %.1f s  %s images/s",
            len(str(epochs)),
            epoch.epoch,
            epochs,
            epoch.train_loss,
            100 * epoch.train_accuracy,
            100 * epoch.val_accuracy,
            epoch.seconds,
            f"{epoch.images_per_second:,.0f}",
        )


@contextlib.contextmanager
def training_progress() -> Iterator[TrainingProgress]:
    """Show a training while the block runs."""
    with step_progress() as steps:
        yield TrainingProgress(steps)


@contextlib.contextmanager
def _bar_on_terminal() -> Iterator[Progress | None]:
    if not messages.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages, transient=True) as bar:
        yield bar


def in_one_line(name: object) -> str:
    """Return a file's name with what cannot be printed, such as a line break, as an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(name)
    )


def print_json(document: object) -> None:
    """Print one JSON document on standard output; ASCII, so that any encoding will do."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def print_pairs(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values below a title, a line each; nothing is cut, so it can be copied."""
    width = max(len(name) for name, _ in pairs)
    results.print(title, markup=False, emoji=False, soft_wrap=True)
    for name, value in pairs:
        line = f"  {name:<{width}}  {value}"
        results.print(line, markup=False, emoji=False, soft_wrap=True)
