"""A trial: the recipe's network trained with a trial's settings, judged after each epoch."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import optuna
import torch

from artifacts.training_records import Recipe
from data import Dataset
from data.splits import TrainingIndices
from errors import UnfinishedError
from models.user_code import told_by_line
from trainers.epochs import TrainingExamples, one_epoch, training_examples
from trainers.execution import set_determinism, threads_for
from trainers.processes import Processes
from trainers.progress import started_progress

OUT_OF_MEMORY = "out of memory"


class SearchStopped(Exception):
    """The user wants the search to end: the trial is given up, and may be done again."""


class TrialFailed(Exception):
    """The trial cannot be finished with its settings; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all trials of a worker are trained with; the images lie in memory once.

    Attributes:
        examples: that are trained on and validated; of the test split there are none.
        processes: this one, and its device.
        threads: None leaves them to the rule of `trainers.execution`.
    """

    examples: TrainingExamples
    processes: Processes
    threads: int | None


def bench_for(
    dataset: Dataset, indices: TrainingIndices, processes: Processes, threads: int | None
) -> Bench:
    """Return what trials are trained with; the test split of the dataset cannot be opened.

    Also lets torch compute as `train` does by default.
    """
    # Here, since it loads much of torch, which is not the first trial's own time.
    set_determinism(processes.device.type == "cpu", processes.device)
    return Bench(
        examples=training_examples(
            dataset.without_test(), indices, processes.device, memory_bytes=None, with_test=False
        ),
        processes=processes,
        threads=threads,
    )


def train_trial(
    trial: optuna.Trial,
    recipe: Recipe,
    bench: Bench,
    *,
    may_prune: bool,
    after_batch: Callable[[int, int], None],
    stop_requested: Callable[[], bool],
) -> float:
    """Train as `train` does, without a file, and return the best validation accuracy.

    Args:
        trial: that is told the validation accuracy of each epoch.
        recipe: with the trial's settings.
        bench: what to train with.
        may_prune: whether it may end before its last epoch.
        after_batch: called with the steps that are done, and with all of them.
        stop_requested: asked after each step.

    Raises:
        optuna.TrialPruned: the pruner expects nothing of it.
        TrialFailed: the loss is no longer a finite number, or the memory does not suffice.
        SearchStopped: `stop_requested` was true.
    """
    processes, epochs = bench.processes, recipe.hyperparameters.epochs
    with _failures_told(), told_by_line(recipe.model.name):
        torch.set_num_threads(bench.threads or threads_for(recipe, processes))
        progress = started_progress(recipe, processes, compiled=False)

        def after_step(_seconds: float) -> None:
            done = len(progress.history) * progress.batches + progress.position.batches
            after_batch(done, epochs * progress.batches)
            if stop_requested():
                raise SearchStopped

        while True:
            epoch = one_epoch(progress, bench.examples, after_batch=after_step)
            trial.report(epoch.val_accuracy, step=epoch.epoch - 1)  # pruners count from 0
            if progress.is_finished:
                return max(epoch.val_accuracy for epoch in progress.history)
            if may_prune and trial.should_prune():
                raise optuna.TrialPruned


@contextlib.contextmanager
def _failures_told() -> Iterator[None]:
    """Tell what is the fault of a trial's settings as `TrialFailed`.

    Raises:
        TrialFailed: with the reason.
    """
    try:
        yield
    except UnfinishedError as error:
        raise TrialFailed(error.problem) from None
    except (MemoryError, torch.OutOfMemoryError):
        failure = TrialFailed(OUT_OF_MEMORY)
    except RuntimeError as error:
        if "not enough memory" not in str(error):  # of torch's allocator for the CPU
            raise
        failure = TrialFailed(OUT_OF_MEMORY)
    else:
        return
    gc.collect()  # what the trial had taken, before the next one begins
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    raise failure
