"""An export from start to record: what `export` does once the options are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from artifacts.chain import TrainedNetwork
from artifacts.choices import Precision
from artifacts.environment import current_environment
from artifacts.export_records import BatchCheck, Export, Variant
from artifacts.files import replacing_together, sha256_of_file
from artifacts.json_records import write_record
from artifacts.logits import LogitsFunction, Tolerance
from artifacts.run_directory import RunDirectory
from data import Dataset
from errors import UnusableError
from export.checks import check_batches, check_file, tensor_specs
from export.graph import graph_from_classifier, opset_of
from export.reference import (
    OnBatch,
    export_that_still_holds,
    reference_logits,
    saved_reference,
)
from export.saving import external_data_record, save_graph
from models import build
from models.devices import device_from_name, set_tf32
from models.inference import logits_function
from models.user_code import told_by_line
from models.weights import load_weights


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What the user decides about an export."""

    precision: Precision
    opset: int
    probabilities: bool
    device: str  # that computes the reference


def export(
    trained: TrainedNetwork,
    dataset: Dataset,
    options: ExportOptions,
    *,
    open_onnx: Callable[[Path], LogitsFunction],
    tolerance: Tolerance,
    on_batch: OnBatch,
    command: str,
) -> Variant:
    """Write a variant's ONNX file, the reference and their record into the run; return the record.

    The file, with its weights beside it where they are too large for one file, replaces an older
    one only after it passed every check.

    Args:
        trained: the run, its recipe and weights verified.
        dataset: the one that the recipe names.
        options: what the user decides.
        open_onnx: loads an ONNX file in ONNX Runtime and returns what computes its logits.
        tolerance: that the checks at several batch sizes are held to.
        on_batch: is told how the reference goes on.
        command: for the record.

    Raises:
        UnusableError: the device does not work here.
        UnfinishedError: the network cannot be exported, a check failed, or the disk is full.
    """
    device = _reference_device(options.device)
    run = trained.run
    classifier = build(**trained.model.model_dump())
    load_weights(run.weights, classifier)
    program = graph_from_classifier(
        classifier,
        trained,
        opset=options.opset,
        probabilities=options.probabilities,
    )
    path = run.onnx(options.precision)
    external_data = run.external_data(options.precision)
    # Under the final names, since an ONNX file names the one that has its weights.
    with (
        replacing_together(path, external_data) as directory,
        told_by_line(trained.model.name),
    ):
        candidate = directory / path.name
        save_graph(program, candidate)
        model = check_file(candidate)
        checks = check_batches(
            open_onnx(candidate),
            logits_function(classifier, torch.device("cpu")),
            dataset.test.images,
            tolerance,
        )
        # The reference takes longest, so it comes last, and is kept where nothing has changed.
        computed = export_that_still_holds(trained, dataset) or reference_logits(
            trained, dataset, classifier, device, on_batch
        )
        # A record on disk means that its files are whole: the old record goes before the files
        # that it speaks of are replaced.
        run.export.unlink(missing_ok=True)
    if isinstance(computed, Export):
        reference, variants = computed.reference, computed.variants
    else:
        reference, variants = saved_reference(run, computed, device), {}
    variant = _variant(run, model, checks, options.precision, tolerance, trained, command)
    variants = variants | {options.precision: variant}
    write_record(run.export, Export(reference=reference, variants=variants))
    return variant


def _reference_device(name: str) -> torch.device:
    device = device_from_name(name)
    if device.type == "mps":
        raise UnusableError("--device", "mps: has no float64, which the reference needs")
    set_tf32(False)
    return device


def _variant(
    run: RunDirectory,
    model: onnx.ModelProto,
    checks: tuple[BatchCheck, ...],
    precision: Precision,
    tolerance: Tolerance,
    trained: TrainedNetwork,
    command: str,
) -> Variant:
    path = run.onnx(precision)
    return Variant(
        precision=precision,
        file=path.name,
        onnx_sha256=sha256_of_file(path),
        file_bytes=path.stat().st_size,
        external_data=external_data_record(run.external_data(precision)),
        checkpoint_sha256=trained.checkpoint_sha256,
        opset=opset_of(model),
        ir_version=model.ir_version,
        inputs=tensor_specs(model.graph.input),
        outputs=tensor_specs(model.graph.output),
        nodes=len(model.graph.node),
        tolerance=tolerance.name,
        batch_checks=checks,
        environment=current_environment(),
        command=command,
    )
