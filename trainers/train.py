"""A training from start to record: what `train` does once the options are read."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from artifacts.json_records import write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Epoch, Recipe, Training
from data import Dataset
from data.splits import TrainingIndices
from errors import UnfinishedError
from models.user_code import told_by_line
from storage.space import require_space
from storage.writing import write_bytes
from trainers.batches import batches_in_chunk
from trainers.checkpoints import load_resume_state, save_resume_state
from trainers.epochs import TrainingExamples, one_epoch, training_examples
from trainers.execution import compiler_errors_told, set_determinism, threads_for
from trainers.processes import Processes
from trainers.progress import Progress, resumed_progress, started_progress
from trainers.publish import Execution, publish
from trainers.size import bytes_to_write

GO_ON = "the same command with --resume goes on"  # a hint
SAVE_EVERY_SECONDS = 300.0  # within an epoch: what a killed process may lose of a long one

log = logging.getLogger("onnxproof")


class Watcher(Protocol):
    """What is told how a training goes on."""

    def on_batch(self, done: int, total: int) -> None:
        """A batch of the current epoch was trained on."""

    def on_epoch(self, epoch: Epoch, epochs: int) -> None:
        """An epoch was finished and saved."""


@dataclass(frozen=True, kw_only=True)
class ExecutionOptions:
    """How to compute, where the user said; None leaves it to the rules of `trainers.execution`."""

    threads: int | None = None
    deterministic: bool | None = None
    compiled: bool = False
    memory_bytes: int | None = None  # for the images; by default half of what is free
    test_curve: bool = False  # the test split measured after each epoch, for the history alone


def train(
    recipe: Recipe,
    dataset: Dataset,
    indices: TrainingIndices,
    *,
    run: RunDirectory,
    processes: Processes,
    options: ExecutionOptions,
    resume: bool,
    watchers: Sequence[Watcher],
    stop_requested: Callable[[], bool],
    command: str,
) -> Training | None:
    """Train the recipe's network and write its run directory; return the record.

    While it trains, `resume.pt` holds where it is. A finished training that is there already stays
    whole until this one is finished too. Of several processes one writes, and the others return
    None.

    Raises:
        ArtifactError: there is nothing to resume, or what is there is damaged.
        UsageError: what is there to resume was begun by another recipe.
        UnfinishedError: the disk is full, or has no room for what will be written; the loss is no
            longer finite, or `stop_requested` was true; then everything up to there is saved.
    """
    device = processes.device
    deterministic = options.deterministic
    if deterministic is None:
        deterministic = device.type == "cpu"
    set_determinism(deterministic, device)
    state = load_resume_state(run.resume) if resume else None
    threads = options.threads or (state.threads if state else threads_for(recipe, processes))
    torch.set_num_threads(threads)
    if state is None:
        progress = started_progress(recipe, processes, compiled=options.compiled)
    else:
        progress = resumed_progress(recipe, processes, state, run.resume, compiled=options.compiled)
    if processes.writes:
        require_space(
            run.root,
            bytes_to_write(progress, run),
            "the training",
            hint="free some space, or name a run directory on another disk with --run",
        )
    _tell_beginning(progress, run, resume=resume)
    examples = training_examples(
        dataset,
        indices,
        device,
        memory_bytes=options.memory_bytes,
        with_test=options.test_curve,
    )
    saver = _Saver(run, progress, threads, stop_requested)
    with compiler_errors_told(), told_by_line(recipe.model.name):
        while not progress.is_finished:
            epoch = _one_epoch(progress, examples, saver, watchers)
            saver.save()
            for watcher in watchers:
                watcher.on_epoch(epoch, recipe.hyperparameters.epochs)
    if not processes.writes:
        return None
    execution = Execution(
        device=device,
        threads=threads,
        processes=processes.count,
        deterministic=deterministic,
        compiled=options.compiled,
        streamed=examples.train.streamed,
    )
    return publish(progress, run, execution, command)


class _Saver:
    """Writes how far a training has come, from the one process that writes."""

    def __init__(
        self,
        run: RunDirectory,
        progress: Progress,
        threads: int,
        stop_requested: Callable[[], bool],
    ) -> None:
        self._run = run
        self._progress = progress
        self._threads = threads
        self._stop_requested = stop_requested
        self._last = time.monotonic()
        # Where nothing is finished nothing can be damaged: let the user watch the files.
        self._shows_files = progress.processes.writes and not run.training.is_file()
        if self._shows_files:
            write_record(run.recipe, progress.recipe)

    def save(self) -> None:
        """Save; every process must ask at the same step."""
        state = self._progress.resume_state(self._threads)
        self._last = time.monotonic()
        if self._progress.processes.writes:
            save_resume_state(self._run.resume, state)
        if self._shows_files:
            write_bytes(self._run.history, self._progress.history_jsonl().encode())

    def save_if_due(self, seconds: float) -> None:
        """Save within an epoch, `seconds` into it, if it is time; stop if that is wanted."""
        position, processes = self._progress.position, self._progress.processes
        batch_size = self._progress.recipe.hyperparameters.batch_size
        # Several processes must stop at the same step, and to agree on it takes them a message.
        if processes.count > 1 and position.batches % batches_in_chunk(batch_size):
            return
        is_due = time.monotonic() - self._last > SAVE_EVERY_SECONDS
        stop, save = processes.any_of(self._stop_requested(), is_due)
        if stop or save:
            position.seconds = seconds
            self.save()
        if stop:
            raise UnfinishedError(
                "training",
                f"stopped in epoch {position.epoch}, after {position.batches} batches of it",
                hint=GO_ON,
            )


def _one_epoch(
    progress: Progress,
    examples: TrainingExamples,
    saver: _Saver,
    watchers: Sequence[Watcher],
) -> Epoch:
    def after_batch(seconds: float) -> None:
        for watcher in watchers:
            watcher.on_batch(progress.position.batches, progress.batches)
        saver.save_if_due(seconds)

    return one_epoch(progress, examples, after_batch=after_batch)


def _tell_beginning(progress: Progress, run: RunDirectory, *, resume: bool) -> None:
    if not progress.processes.writes:
        return
    if resume:
        log.info(
            "going on after %d epochs and %d batches",
            len(progress.history),
            progress.position.batches,
        )
    elif run.resume.is_file() and not run.training.is_file():
        log.info("an unfinished training in %s is started anew; --resume goes on", run.root)
