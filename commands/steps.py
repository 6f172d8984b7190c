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
from artifacts.run_directory import RunDirectory, default_run, last_run, remember_last_run
from artifacts.training_records import DatasetSpec, Training
from commands.console import step_progress, training_progress
from commands.main import Invocation
from data import Dataset, load_dataset
from errors import DatasetError, UnusableError

if TYPE_CHECKING:  # at run time these load ONNX Runtime or torch
    from evaluate.evaluation import EvaluationOptions
    from trainers.processes import Processes
    from trainers.train import Watcher


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The options of `train`, as the user gave them."""

    model: str = "lenet5"
    dataset: str = "digits"
    data_dir: Path | None = None
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
        with processes.first_on_each_machine():  # prepares the dataset for the others
            dataset = load_dataset(options.dataset, data_dir=options.data_dir)
        run = RunDirectory(options.run) if options.run else default_run(dataset.name, options.model)
        return run, _trained(options, dataset, run, processes)


def _trained(
    options: TrainingOptions, dataset: Dataset, run: RunDirectory, processes: "Processes"
) -> Training | None:
    from trainers.plan import planned_training
    from trainers.train import ExecutionOptions, train

    recipe, indices = planned_training(
        dataset,
        source=options.dataset,
        data_dir=options.data_dir,
        model=options.model,
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
    **input_options: Any,
) -> tuple[Evaluation, Path]:
    """Evaluate an ONNX file that no run made; return the evaluation and its file."""
    from evaluate.evaluation import evaluate
    from evaluate.graph_input import InputOptions
    from evaluate.subject import subject_of_file

    data = load_dataset(dataset, data_dir=data_dir)
    with step_progress() as progress:
        return evaluate(
            subject_of_file(onnx, data, InputOptions(**input_options), reference_onnx),
            data,
            options,
            on_step=progress,
            command=command_line(),
        )


def run_or_last(run: Path | None) -> RunDirectory:
    """Return the run that was named, else the one that was trained last."""
    return RunDirectory(run) if run else last_run()


def dataset_of_run(spec: DatasetSpec, source: str | None, data_dir: Path | None) -> Dataset:
    """Return the dataset that a run was trained on.

    Args:
        spec: what the run recorded.
        source: where the dataset is now, if it was moved.
        data_dir: the same for datasets with a name.

    Raises:
        DatasetError: it is missing, damaged, or not the one of the record.
    """
    recorded_dir = Path(spec.data_dir) if spec.data_dir else None
    dataset = load_dataset(source or spec.source, data_dir=data_dir or recorded_dir)
    if dataset.sha256 != spec.sha256:
        raise DatasetError(
            source or spec.source,
            f"is not the dataset that the run was trained on"
            f" (sha256 {spec.sha256[:12]} wanted, {dataset.sha256[:12]} found)",
            hint="name the right one with --dataset, or train again",
        )
    return dataset


def command_line() -> str:
    """Return this process' command as it could be typed again."""
    return shlex.join(["python", *sys.argv])
