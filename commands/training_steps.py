"""The step of `train`: it calls its room and returns the record."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import RecipeName
from artifacts.run_directory import RunDirectory, remember_last_run
from artifacts.run_lock import locked_run
from artifacts.training_records import DatasetSpec, Recipe, SearchedTrial, Training
from commands.console import log
from commands.main import Invocation, command_line
from commands.networks import ChosenNetwork, chosen_network
from commands.progress import loading, step_progress, training_progress
from commands.run_data import dataset_of_run, dataset_spec, run_for
from data import Dataset, load_dataset
from data.splits import TrainingIndices
from errors import UsageError
from models import NetworkName

if TYPE_CHECKING:  # at run time these load torch
    from trainers.processes import Processes
    from trainers.train import ExecutionOptions, Watcher


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The options of `train`, as the user gave them."""

    model: str = "lenet5"
    widths: tuple[int, ...] | None = None
    dropout: float = 0.0
    weights: Path | None = None
    pretrained: bool = False
    dataset: str = "digits"
    data_dir: Path | None = None
    image_size: tuple[int, int] | None = None
    run: Path | None = None
    recipe: RecipeName = "best"
    overrides: dict[str, object] = field(default_factory=dict)
    val_split: float | None = None
    subset: float = 1.0
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    deterministic: bool | None = None
    memory_bytes: int | None = None
    compiled: bool = False
    resume: bool = False
    reuse: bool = False  # what the same recipe has finished or begun in the run
    tensorboard: bool = False
    test_curve: bool | None = None  # None: where the recipe has it
    # Of --from-study: the network, so that `model` need not be understood; which dataset it must
    # be; the trial.
    network: NetworkName | None = None
    recorded_dataset: DatasetSpec | None = None
    searched: SearchedTrial | None = None


def train_step(options: TrainingOptions) -> tuple[RunDirectory, Training | None]:
    """Train a network and make its run the last one.

    Of several processes that train together one has the record, the others None.
    """
    with loading():
        from trainers.processes import processes_of

    with processes_of(options.device) as processes:
        with (
            processes.first_on_each_machine(),  # prepares dataset and weights for the others
            step_progress("dataset and weights") if processes.writes else contextlib.nullcontext(),
        ):
            dataset = _dataset(options)
            chosen = _network(options)
        run = run_for(options.run, dataset, chosen.network)
        if run.imported.is_file():
            raise UsageError(
                "--run", f"{run.root} holds a network that was trained elsewhere: name another"
            )
        return run, _trained(options, chosen, dataset, run, processes)


def _dataset(options: TrainingOptions) -> Dataset:
    if options.recorded_dataset is not None:
        return dataset_of_run(options.recorded_dataset, options.dataset, options.data_dir)
    return load_dataset(options.dataset, data_dir=options.data_dir, image_size=options.image_size)


def _network(options: TrainingOptions) -> ChosenNetwork:
    if options.network is not None:
        return ChosenNetwork(network=options.network)
    return chosen_network(
        options.model, weights=options.weights, pretrained=options.pretrained, option="--weights"
    )


def _trained(
    options: TrainingOptions,
    chosen: ChosenNetwork,
    dataset: Dataset,
    run: RunDirectory,
    processes: "Processes",
) -> Training | None:
    from trainers.earlier import finished_training, is_begun
    from trainers.train import train

    recipe, indices = _plan(options, chosen, dataset, processes.device.type)
    resume = options.resume
    if options.reuse:
        if (finished := finished_training(run, recipe)) is not None:
            log.info("%s was trained before, by the same recipe", run.root)
            return finished
        resume = is_begun(run, recipe)
    invocation = click.get_current_context().ensure_object(Invocation)
    with contextlib.ExitStack() as stack:
        if processes.writes:
            files = [run.recipe, run.history, run.weights, run.training]
            if not resume:  # which reads that one first
                files.append(run.resume)
            stack.enter_context(locked_run(run, create=True, replaces=files))
        watchers = _watchers(options, run, processes, stack)
        stop_requested = stack.enter_context(invocation.deferred_stop())
        training = train(
            recipe,
            dataset,
            indices,
            run=run,
            processes=processes,
            options=_execution(options),
            resume=resume,
            watchers=watchers,
            stop_requested=stop_requested,
            command=command_line(),
        )
        if training is not None:
            remember_last_run(run)
    return training


def _plan(
    options: TrainingOptions, chosen: ChosenNetwork, dataset: Dataset, device_type: str
) -> tuple[Recipe, TrainingIndices]:
    from trainers.plan import planned_training

    return planned_training(
        dataset,
        spec=dataset_spec(dataset, options.dataset, options.data_dir, options.image_size),
        network=chosen.network,
        widths=options.widths,
        dropout=options.dropout,
        initial_weights=chosen.weights,
        normalization=chosen.normalization,
        recipe=options.recipe,
        overrides=options.overrides,
        val_split=options.val_split,
        subset=options.subset,
        seed=options.seed,
        device_type=device_type,
        searched=options.searched,
    )


def _execution(options: TrainingOptions) -> "ExecutionOptions":
    from trainers.train import ExecutionOptions

    has_curve = options.test_curve
    return ExecutionOptions(
        threads=options.threads,
        deterministic=options.deterministic,
        memory_bytes=options.memory_bytes,
        compiled=options.compiled,
        test_curve=options.recipe == "assignment" if has_curve is None else has_curve,
    )


def _watchers(
    options: TrainingOptions,
    run: RunDirectory,
    processes: "Processes",
    stack: contextlib.ExitStack,
) -> "list[Watcher]":
    """Return what shows the training; nothing where another process does."""
    if not processes.writes:
        return []
    watchers: list[Watcher] = [stack.enter_context(training_progress())]
    if options.tensorboard:
        from trainers.live_view import TensorBoard

        watchers.append(stack.enter_context(contextlib.closing(TensorBoard(run.tensorboard))))
    return watchers
