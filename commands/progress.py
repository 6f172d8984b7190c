"""Progress on standard error: a bar on a terminal, elsewhere a line now and then."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from artifacts.training_records import Epoch
from artifacts.tuning_records import Trial, TuningStudy
from commands.console import log, messages

DRAW_EVERY_SECONDS = 0.05
FIRST_LINE_SECONDS = 2.0  # of a step, where there is no terminal to draw a bar on
LINE_EVERY_SECONDS = 10.0
BAR_WIDTH = 16  # columns; with the longest step's name, counts and times it fits 80


class StepProgress:
    """Shows one step after the other; between them that the whole of it goes on.

    A step says how far it is, or with a total of 0 that it does not know. Without a bar a step that
    takes longer than two seconds is told in a line, and every ten seconds how far it is.

    Args:
        bar: to draw on; None where there is no terminal.
        whole: what the steps are parts of, "export" say.
    """

    def __init__(self, bar: Progress | None, whole: str) -> None:
        self._bar = bar
        self._whole = whole
        self._task = bar.add_task(whole, total=None) if bar else None
        self._lock = threading.Lock()  # a clock's thread prints lines too
        self._last_drawn = 0.0
        self._last_line = self._began = time.monotonic()
        self._what, self._done, self._total = whole, 0, 0
        self._is_told = False

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note that `done` of `total` parts of step `what` are finished."""
        with self._lock:
            begins = what != self._what or done < self._done or total != self._total
            if what != self._what:
                self._begin(what, total)
            self._done, self._total = done, total
            ends = 0 < total <= done
            now = time.monotonic()
            if begins or ends or now - self._last_drawn >= DRAW_EVERY_SECONDS:
                self._last_drawn = now
                self._draw(begins=begins, ends=ends)
            # Drawing each of the 2,000 steps that a small network takes a second would slow it.
        self.print_line_if_due()
        if ends:
            with self._lock:
                self._begin(self._whole, 0)

    def print_line_if_due(self) -> None:
        """Tell how far the step is, where there is no bar and nothing was told for a while."""
        with self._lock:
            now = time.monotonic()
            is_new = not self._is_told and self._what != self._whole
            waited = now - (self._began if is_new else self._last_line)
            if self._bar or waited < (FIRST_LINE_SECONDS if is_new else LINE_EVERY_SECONDS):
                return
            self._last_line = now
            self._is_told = True
            log.info("%s: %s", self._what, self._told(now - self._began))

    def _begin(self, what: str, total: int) -> None:
        self._what, self._done, self._total = what, 0, total
        self._began = time.monotonic()
        self._is_told = False

    def _told(self, seconds: float) -> str:
        if not self._total:
            return f"{seconds:.0f} s"
        told = f"{self._done:,} of {self._total:,}"
        if self._done and seconds > 0:
            speed = self._done / seconds
            told += f" ({rate(speed)}, {(self._total - self._done) / speed:.0f} s left)"
        return told

    def _draw(self, *, begins: bool, ends: bool) -> None:
        if self._bar is None or self._task is None:
            return
        if not begins and not ends:
            self._bar.update(self._task, completed=self._done)
            return
        self._bar.remove_task(self._task)  # one that is reset cannot lose its total
        if ends:
            self._task = self._bar.add_task(self._whole, total=None)
        else:
            self._task = self._bar.add_task(
                self._what, total=self._total or None, completed=self._done
            )


@contextlib.contextmanager
def step_progress(whole: str) -> Iterator[StepProgress]:
    """Show the progress of steps while the block runs.

    Args:
        whole: what the steps are parts of, "export" say.
    """
    if messages.is_terminal:
        with Progress(*columns(), console=messages, transient=True) as bar:
            yield StepProgress(bar, whole)
        return
    steps = StepProgress(None, whole)
    is_over = threading.Event()

    def keep_telling() -> None:
        while not is_over.wait(FIRST_LINE_SECONDS / 2):
            steps.print_line_if_due()

    clock = threading.Thread(target=keep_telling, name="progress", daemon=True)
    clock.start()
    try:
        yield steps
    finally:
        is_over.set()
        clock.join()


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


class SearchProgress:
    """Tells how a search goes on: a bar for a trial's steps, a line for each trial."""

    def __init__(self, steps: StepProgress) -> None:
        self._steps = steps
        self._best = ""

    def on_batch(self, number: int, done: int, total: int) -> None:
        """Move the bar."""
        self._steps(f"trial {number}{self._best}", done, total)

    def on_trial(self, trial: Trial, study: TuningStudy) -> None:
        """Print the trial's line, with its settings and the best value so far."""
        best = study.trial(study.best)
        self._best = "" if best is None else f", best {100 * (best.value or 0):.2f}%"
        value = f"{100 * trial.value:.2f}%" if trial.value is not None else ""
        settings = " ".join(
            f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in trial.settings.items()
        )
        log.info(
            "trial %*d of %d  %-8s %6s%s  %.1f s  %s%s",
            len(str(study.wanted - 1)),
            trial.number,
            study.wanted,
            trial.state,
            value,
            self._best,
            trial.seconds,
            settings,
            f"  {trial.failure}" if trial.failure else "",
        )


@contextlib.contextmanager
def search_progress() -> Iterator[SearchProgress]:
    """Show a search while the block runs."""
    with step_progress("search") as steps:
        yield SearchProgress(steps)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Show that something goes on while the block imports PyTorch, which takes seconds."""
    with step_progress("loading PyTorch"):
        yield


@contextlib.contextmanager
def training_progress() -> Iterator[TrainingProgress]:
    """Show a training while the block runs."""
    with step_progress("training") as steps:
        yield TrainingProgress(steps)


def columns() -> tuple[ProgressColumn, ...]:
    """Return what is drawn of a step."""
    return (
        SpinnerColumn("line"),
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        _Count(),
        _Times(),
    )


def rate(speed: float) -> str:
    """Return how many a second, or where that is less than one how long each takes."""
    return f"{speed:,.0f}/s" if speed >= 1 else f"{1 / speed:,.1f} s each"


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:,.0f}/{task.total:,.0f}" if task.total else "")


class _Times(ProgressColumn):
    """Rate and time left; of a step of unknown length the time that it has taken."""

    max_refresh = 0.5  # seconds, lest the figures flicker

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.elapsed or 0:.0f} s")
        if not task.speed or task.time_remaining is None:
            return Text("")
        return Text(f"{rate(task.speed)}, {task.time_remaining:.0f} s left")
