"""The steps of `evaluate`: each calls one room and returns its record."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifacts.chain import ExportedNetwork, exported_network
from artifacts.choices import Precision
from artifacts.environment import is_installed
from artifacts.evaluation_records import Evaluation
from artifacts.logits import Images
from artifacts.run_directory import RunDirectory
from artifacts.run_lock import locked_run
from commands.main import command_line
from commands.progress import step_progress
from commands.run_data import dataset_of_run
from data import load_dataset
from errors import UnusableError

if TYPE_CHECKING:  # at run time it loads ONNX Runtime
    from evaluate.evaluation import EvaluationOptions


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

    written = run.evaluation(precision, options.session.provider)
    with locked_run(run, replaces=[written]), step_progress("evaluation") as progress:
        progress("hashes", 0, 0)
        exported = exported_network(run, precision)
        progress("dataset", 0, 0)
        data = dataset_of_run(exported.trained.dataset, dataset, data_dir)
        progress("opening, first images", 0, 0)
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

    with step_progress("evaluation") as progress:
        progress("dataset", 0, 0)
        data = load_dataset(dataset, data_dir=data_dir, image_size=image_size)
        progress("opening, first images", 0, 0)
        subject = subject_of_file(
            onnx, data, InputOptions(**input_options), options.session, reference_onnx
        )
        written = subject.run.evaluation(subject.model.precision, options.session.provider)
        with locked_run(subject.run, replaces=[written]):
            return evaluate(subject, data, options, on_step=progress, command=command_line())
