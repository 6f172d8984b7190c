"""The steps of `export`: each calls one room and returns its record."""

from dataclasses import dataclass
from pathlib import Path

from artifacts.chain import trained_network
from artifacts.choices import DEFAULT_OPSET, Precision
from artifacts.export_records import Variant
from artifacts.run_directory import RunDirectory, remember_last_run
from artifacts.training_records import Normalization
from commands.console import step_progress
from commands.main import command_line
from commands.networks import chosen_network
from commands.run_data import dataset_of_run, dataset_spec, run_for
from data import load_dataset


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
    run = run_for(options.run, dataset, chosen.network)
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
