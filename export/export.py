"""An export from start to record: what `export` does once the options are read."""

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from artifacts.chain import TrainedNetwork
from artifacts.choices import Precision
from artifacts.environment import current_environment
from artifacts.export_records import BatchCheck, Export, Reference, Variant
from artifacts.files import replacing, sha256_of_file
from artifacts.json_records import read_record, write_record
from artifacts.logits import LogitsFunction, ReferenceLogits, Tolerance, save_reference
from artifacts.run_directory import RunDirectory
from data import Dataset
from errors import ArtifactError
from export.checks import check_batches, check_file, tensor_specs
from export.graph import graph_from_classifier, opset_of
from export.reference import OnBatch, logits_over, pytorch_logits
from models import build
from models.classifier import Classifier
from models.devices import device_from_name, forbid_tf32
from models.weights import load_weights

log = logging.getLogger("onnxproof")


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

    The file replaces an older one only after it passed every check.

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
    device = device_from_name(options.device)
    forbid_tf32()
    run, recipe = trained.run, trained.recipe
    classifier = build(
        recipe.model.name,
        num_classes=recipe.model.num_classes,
        in_channels=recipe.model.in_channels,
        image_size=recipe.model.image_size,
    )
    load_weights(run.weights, classifier)
    graph = graph_from_classifier(
        classifier,
        recipe,
        checkpoint_sha256=trained.training.checkpoint_sha256,
        opset=options.opset,
        probabilities=options.probabilities,
    )
    path = run.onnx(options.precision)
    with replacing(path) as candidate:
        onnx.save_model(graph, candidate)
        model = check_file(candidate)
        checks = check_batches(
            open_onnx(candidate),
            pytorch_logits(classifier, torch.device("cpu")),
            dataset.test.images,
            tolerance,
        )
        earlier = _still_valid(trained, dataset)
        reference = earlier.reference if earlier else None
        new_reference = (
            None if reference else _reference(trained, dataset, classifier, device, on_batch)
        )
        # A record on disk means that its files are whole: the old record goes before the files
        # that it speaks of are replaced.
        run.export.unlink(missing_ok=True)
    if new_reference:
        reference = _save_reference(run, dataset, new_reference, device)
    assert reference is not None
    variant = _variant(path, model, checks, options.precision, tolerance, trained, command)
    variants = (earlier.variants if earlier else {}) | {options.precision: variant}
    write_record(run.export, Export(reference=reference, variants=variants))
    return variant


def _still_valid(trained: TrainedNetwork, dataset: Dataset) -> Export | None:
    """Return the earlier export of the same weights and data, whose reference can be kept."""
    run = trained.run
    if not run.export.is_file():
        return None
    try:
        earlier = read_record(run.export, Export)
        kept = (
            earlier.reference.checkpoint_sha256 == trained.training.checkpoint_sha256
            and earlier.reference.dataset_sha256 == dataset.sha256
            and earlier.reference.sha256 == sha256_of_file(run.reference)
        )
    except ArtifactError as error:
        log.warning("the earlier export is not used: %s", error)
        return None
    return earlier if kept else None


def _reference(
    trained: TrainedNetwork,
    dataset: Dataset,
    classifier: Classifier,
    device: torch.device,
    on_batch: OnBatch,
) -> ReferenceLogits:
    images = dataset.test.images
    total = 2 * len(images)
    single = logits_over(
        images,
        copy.deepcopy(classifier),
        dtype=torch.float32,
        device=device,
        on_batch=lambda done, _: on_batch(done, total),
    )
    double = logits_over(
        images,
        copy.deepcopy(classifier),
        dtype=torch.float64,
        device=device,
        on_batch=lambda done, _: on_batch(len(images) + done, total),
    )
    return ReferenceLogits(
        float32_NK=single.astype("float32", copy=False),
        float64_NK=double.astype("float64", copy=False),
        dataset_sha256=dataset.sha256,
        split_sha256=dataset.test.sha256,
        checkpoint_sha256=trained.training.checkpoint_sha256,
    )


def _save_reference(
    run: RunDirectory, dataset: Dataset, logits: ReferenceLogits, device: torch.device
) -> Reference:
    sha256 = save_reference(run.reference, logits)
    return Reference(
        file=run.reference.name,
        sha256=sha256,
        checkpoint_sha256=logits.checkpoint_sha256,
        dataset_sha256=logits.dataset_sha256,
        split="test",
        split_sha256=logits.split_sha256,
        examples=len(dataset.test),
        device=str(device),
        tf32=False,
    )


def _variant(
    path: Path,
    model: onnx.ModelProto,
    checks: tuple[BatchCheck, ...],
    precision: Precision,
    tolerance: Tolerance,
    trained: TrainedNetwork,
    command: str,
) -> Variant:
    return Variant(
        precision=precision,
        file=path.name,
        onnx_sha256=sha256_of_file(path),
        file_bytes=path.stat().st_size,
        checkpoint_sha256=trained.training.checkpoint_sha256,
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
