"""The steps that commands are made of: each calls one room and returns its record."""

import contextlib
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artifacts.chain import ExportedNetwork, exported_network, trained_network
from artifacts.choices import DEFAULT_OPSET, Precision, RecipeName
from artifacts.environment import is_installed
from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Variant
from artifacts.logits import Images
from artifacts.run_directory import RunDirectory, default_run, remember_last_run
from artifacts.training_records import Normalization, Training
from commands.console import step_progress, training_progress
from commands.main import Invocation
from commands.networks import ChosenNetwork, chosen_network
from commands.run_data import dataset_of_run, dataset_spec
from data import Dataset, load_dataset
from errors import UnusableError, UsageError

if TYPE_CHECKING:  # at run time these load ONNX Runtime or torch
    from evaluate.evaluation import EvaluationOptions
    from trainers.processes import Processes
    from trainers.train import Watcher


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The options of `train`, as the user gave them."""

    model: str = "lenet5"
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
    tensorboard: bool = False


def train_step(options: TrainingOptions) -> tuple[RunDirectory, Training | None]:
    """Train a network and make its run the last one.

    Of several processes that train together one has the record, the others None.
    """
    from trainers.processes import processes_of

    with processes_of(options.device) as processes:
        with processes.first_on_each_machine():  # prepares dataset and weights for the others
            dataset = load_dataset(
                options.dataset, data_dir=options.data_dir, image_size=options.image_size
            )
            chosen = chosen_network(
                options.model,
                weights=options.weights,
                pretrained=options.pretrained,
                option="--weights",
            )
        run = _run_for(options.run, dataset, chosen)
        if run.imported.is_file():
            raise UsageError(
                "--run", f"{run.root} holds a network that was trained elsewhere: name another"
            )
        return run, _trained(options, chosen, dataset, run, processes)


def _run_for(named: Path | None, dataset: Dataset, chosen: ChosenNetwork) -> RunDirectory:
    return RunDirectory(named) if named else default_run(dataset.name, chosen.network.name)


def _trained(
    options: TrainingOptions,
    chosen: ChosenNetwork,
    dataset: Dataset,
    run: RunDirectory,
    processes: "Processes",
) -> Training | None:
    from trainers.plan import planned_training
    from trainers.train import ExecutionOptions, train

    recipe, indices = planned_training(
        dataset,
        spec=dataset_spec(dataset, options.dataset, options.data_dir, options.image_size),
        network=chosen.network,
        initial_weights=chosen.weights,
        normalization=chosen.normalization,
        recipe=options.recipe,
        overrides=options.overrides,
        val_split=options.val_split,
        subset=options.subset,
        seed=options.seed,
        device_type=processes.device.type,
    )
    invocation = click.get_current_context().ensure_object(Invocation)
    with contextlib.ExitStack() as stack:
        watchers = _watchers(options, run, processes, stack)
        stop_requested = stack.enter_context(invocation.deferred_stop())
        training = train(
            recipe,
            dataset,
            indices,
            run=run,
            processes=processes,
            options=ExecutionOptions(
                threads=options.threads,
                deterministic=options.deterministic,
                memory_bytes=options.memory_bytes,
                compiled=options.compiled,
            ),
            resume=options.resume,
            watchers=watchers,
            stop_requested=stop_requested,
            command=command_line(),
        )
        if training is not None:
            remember_last_run(run)
    return training


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


def export_step(
    run: RunDirectory,
    *,
    precision: Precision = "float32",
    opset: int = DEFAULT_OPSET,
    probabilities: bool = False,
    device: str = "auto",
    dataset: str | None = None,
    data_dir: Path | None = None,
) -> Variant:
    """Export a variant of the run's network."""
    from evaluate.onnx_runtime import OnnxRunner
    from evaluate.tolerances import tolerance_for
    from export.export import ExportOptions, export

    trained = trained_network(run)
    with step_progress() as progress:
        return export(
            trained,
            dataset_of_run(trained.dataset, dataset, data_dir),
            ExportOptions(
                precision=precision,
                opset=opset,
                probabilities=probabilities,
                device=device,
            ),
            open_onnx=lambda path: OnnxRunner(path).run,
            tolerance=tolerance_for("cpu", precision),
            on_batch=lambda done, total: progress("PyTorch's reference", done, total),
            command=command_line(),
        )


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The options of `export` about a network that was trained elsewhere, as the user gave them."""

    model: str
    checkpoint: Path | None
    pretrained: bool
    dataset: str
    data_dir: Path | None
    image_size: tuple[int, int] | None
    normalization: Normalization | None  # None: what the weights want
    run: Path | None


def import_step(options: ImportOptions) -> RunDirectory:
    """Make a run of a network that was trained elsewhere, and make it the last one."""
    from export.imported import imported_network

    dataset = load_dataset(
        options.dataset, data_dir=options.data_dir, image_size=options.image_size
    )
    chosen = chosen_network(
        options.model,
        weights=options.checkpoint,
        pretrained=options.pretrained,
        option="--checkpoint",
    )
    assert chosen.weights is not None
    run = _run_for(options.run, dataset, chosen)
    imported_network(
        run,
        chosen.network,
        chosen.weights,
        dataset,
        spec=dataset_spec(dataset, options.dataset, options.data_dir, options.image_size),
        normalization=options.normalization or chosen.normalization,
        classes=chosen.classes,
        command=command_line(),
    )
    remember_last_run(run)
    return run


def evaluate_step(
    run: RunDirectory,
    options: "EvaluationOptions",
    *,
    precision: Precision = "float32",
    dataset: str | None = None,
    data_dir: Path | None = None,
) -> tuple[Evaluation, Path]:
    """Evaluate a variant of the run's network; return the evaluation and its file."""
    from evaluate.evaluation import evaluate
    from evaluate.subject import subject_of_run

    exported = exported_network(run, precision)
    data = dataset_of_run(exported.trained.dataset, dataset, data_dir)
    with step_progress() as progress:
        return evaluate(
            subject_of_run(exported, data, options.reference, options.session),
            data,
            options,
            pytorch_values=lambda images: _intermediate_values(exported, images),
            on_step=progress,
            command=command_line(),
        )


def _intermediate_values(exported: ExportedNetwork, images: Images) -> Mapping[str, Any]:
    """Trace the network only where an explanation is needed: that takes seconds, and torch."""
    if not is_installed("torch"):
        raise UnusableError("--explain", "PyTorch, whose values it compares, is not installed here")
    from export.intermediates import intermediate_values

    return intermediate_values(exported)(images)


def evaluate_file_step(
    options: "EvaluationOptions",
    *,
    onnx: Path,
    reference_onnx: Path | None,
    dataset: str,
    data_dir: Path | None,
    image_size: tuple[int, int] | None,
    **input_options: Any,
) -> tuple[Evaluation, Path]:
    """Evaluate an ONNX file that no run made; return the evaluation and its file."""
    from evaluate.evaluation import evaluate
    from evaluate.graph_input import InputOptions
    from evaluate.subject import subject_of_file

    data = load_dataset(dataset, data_dir=data_dir, image_size=image_size)
    with step_progress() as progress:
        return evaluate(
            subject_of_file(onnx, data, InputOptions(**input_options), reference_onnx),
            data,
            options,
            on_step=progress,
            command=command_line(),
        )


def command_line() -> str:
    """Return this process' command as it could be typed again."""
    return shlex.join(["python", *sys.argv])
