"""The steps of `export`: each calls one room and returns its record."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artifacts.chain import ExportedNetwork, trained_network
from artifacts.engine import Engine
from artifacts.export_records import Variant
from artifacts.logits import Images
from artifacts.run_directory import RunDirectory, remember_last_run
from artifacts.run_lock import locked_run
from artifacts.training_records import Normalization
from commands.main import command_line
from commands.networks import chosen_network
from commands.progress import step_progress
from commands.run_data import dataset_of_run, dataset_spec, run_for
from data import load_dataset

if TYPE_CHECKING:  # at run time it loads torch
    from export.export import ExportOptions


def export_step(
    run: RunDirectory,
    options: "ExportOptions | None" = None,
    *,
    provider: str = "cpu",
    dataset: str | None = None,
    data_dir: Path | None = None,
) -> Variant:
    """Export a variant of the run's network; float32 unless the options say otherwise."""
    from evaluate.provider_trial import precision_failure
    from export.export import ExportOptions, export

    options = options or ExportOptions()
    graphs = [run.onnx(precision) for precision in ("float32", options.precision)]
    with (
        locked_run(run, replaces=(*graphs, run.reference, run.export)),
        step_progress("export") as progress,
    ):
        progress("hashes", 0, 0)
        trained = trained_network(run)
        if failure := precision_failure(provider, options.precision):
            raise failure
        progress("dataset", 0, 0)
        return export(
            trained,
            dataset_of_run(trained.dataset, dataset, data_dir),
            options,
            engine=engine_on(provider),
            on_step=progress,
            command=command_line(),
        )


def engine_on(provider: str) -> Engine:
    """Return what runs graphs on a provider, for the export room."""
    from evaluate.foreign import require_tried
    from evaluate.graph_input import InputOptions
    from evaluate.onnx_runtime import OnnxRunner
    from evaluate.passes import batch_size_of_pass
    from evaluate.session_options import SessionOptions
    from evaluate.tolerances import tolerance_for

    session = SessionOptions(provider=provider)

    def require_tried_on(exported: ExportedNetwork, images: Images) -> None:
        some = images[: batch_size_of_pass(images.shape[1:])]
        require_tried(exported, InputOptions(), session, some)

    return Engine(
        provider=provider,
        open_logits=lambda path: OnnxRunner(path, session).run,
        open_values=lambda model: OnnxRunner(model, session).run_all,
        require_tried=require_tried_on,
        tolerance_for=lambda precision: tolerance_for(provider, precision),
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

    with step_progress("import") as progress:
        progress("dataset", 0, 0)
        dataset = load_dataset(
            options.dataset, data_dir=options.data_dir, image_size=options.image_size
        )
        progress("weights", 0, 0)
        chosen = chosen_network(
            options.model,
            weights=options.checkpoint,
            pretrained=options.pretrained,
            option="--checkpoint",
        )
    assert chosen.weights is not None
    run = run_for(options.run, dataset, chosen.network)
    with locked_run(run, create=True, replaces=(run.weights, run.imported)):
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
