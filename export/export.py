"""An export from start to record: what `export` does once the options are read."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from artifacts.chain import ExportedNetwork, TrainedNetwork, exported_network
from artifacts.choices import BF16_OPSET, DEFAULT_OPSET, Precision
from artifacts.engine import Engine
from artifacts.export_records import Export, Reference, Variant
from artifacts.json_records import content_of_record
from artifacts.own_graphs import note_own
from data import Dataset
from errors import ArtifactError, UnusableError, UsageError
from export.checks import check_batches, check_file
from export.graph import PROBABILITIES, graph_from_classifier
from export.int8 import Int8Options
from export.record import variant_record, withdraw_variant
from export.reduced import OnStep
from export.reference import (
    export_that_still_holds,
    reference_bytes,
    reference_logits,
    saved_reference,
)
from export.saving import FREE_SPACE, graph_bytes, save_graph
from export.variants import export_variant
from models import build
from models.devices import device_from_name, set_tf32
from models.inference import logits_function
from models.user_code import told_by_line
from models.weights import load_weights
from storage.space import require_space
from storage.writing import replacing_together

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What the user decides about an export.

    Attributes:
        precision: of the variant.
        opset: of the float32 graph; None: as it is, or the usual one where there is none.
        probabilities: whether it gives the softmax too.
        device: that computes the reference.
        int8: how the precision is reduced.
    """

    precision: Precision = "float32"
    opset: int | None = None
    probabilities: bool = False
    device: str = "auto"
    int8: Int8Options = field(default_factory=Int8Options)


def export(
    trained: TrainedNetwork,
    dataset: Dataset,
    options: ExportOptions,
    *,
    engine: Engine,
    on_step: OnStep,
    command: str,
) -> Variant:
    """Write a variant's ONNX file, the reference and their record into the run; return the record.

    A variant of reduced precision is made of the float32 one, which is exported first where the run
    has none that fits. A file replaces an older one only after it passed every check.

    Args:
        trained: the run, its recipe and weights verified.
        dataset: the one that the recipe names.
        options: what the user decides.
        engine: runs graphs.
        on_step: is told how it goes on.
        command: for the record.

    Raises:
        DatasetError: there are no training images to calibrate on.
        UsageError: an option does not fit the network.
        UnusableError: the device does not work here.
        UnfinishedError: the network cannot be exported, a check failed, or the disk is full.
    """
    opset = _wanted_opset(options)
    if options.precision == "float32":
        return _export_float32(
            trained, dataset, options, opset or DEFAULT_OPSET, engine, on_step, command
        )
    float32 = _float32_that_fits(trained, opset, options.probabilities)
    if float32 is None:
        log.info("the float32 graph is exported first: it is what %s is made of", options.precision)
        _export_float32(trained, dataset, options, opset or DEFAULT_OPSET, engine, on_step, command)
        float32 = exported_network(trained.run, "float32")
    else:
        engine.require_tried(float32, dataset.test.images)
    return export_variant(
        float32,
        dataset,
        options.precision,
        options.int8,
        engine=engine,
        on_step=on_step,
        command=command,
    )


def _wanted_opset(options: ExportOptions) -> int | None:
    """Return the opset that the float32 graph must have; None: any."""
    if options.precision != "bf16":
        return options.opset
    if options.opset is not None and options.opset < BF16_OPSET:
        raise UsageError(
            "--opset", f"{options.opset} has no bfloat16 convolution: wanted {BF16_OPSET} or more"
        )
    return options.opset or BF16_OPSET


def _float32_that_fits(
    trained: TrainedNetwork, opset: int | None, probabilities: bool
) -> ExportedNetwork | None:
    """Return the run's float32 variant, if it is whole and as the options want it."""
    try:
        found = exported_network(trained.run, "float32")
    except ArtifactError:
        return None
    has_probabilities = PROBABILITIES in {output.name for output in found.variant.outputs}
    fits = opset in (None, found.variant.opset) and (has_probabilities or not probabilities)
    return found if fits else None


def _export_float32(
    trained: TrainedNetwork,
    dataset: Dataset,
    options: ExportOptions,
    opset: int,
    engine: Engine,
    on_step: OnStep,
    command: str,
) -> Variant:
    device = _reference_device(options.device)
    run = trained.run
    classifier = build(**trained.model.model_dump())
    load_weights(run.weights, classifier)
    earlier = export_that_still_holds(trained, dataset)
    require_space(
        run.root,
        graph_bytes(classifier) + (0 if earlier else reference_bytes(trained, dataset)),
        "the export",
        hint=FREE_SPACE,
    )
    on_step("tracing the network", 0, 0)
    program = graph_from_classifier(
        classifier, trained, opset=opset, probabilities=options.probabilities
    )
    files = [run.onnx("float32"), run.external_data("float32")]
    # Under the final names, since an ONNX file names the one that has its weights.
    with (
        replacing_together(
            *(files if earlier else [*files, run.reference]),
            record=run.export,
            withdraw=lambda: withdraw_variant(run, earlier, "float32"),
        ) as directory,
        told_by_line(trained.model.name),
    ):
        candidate = directory / files[0].name
        on_step("checks of the graph", 0, 0)
        save_graph(program, candidate)
        model = check_file(candidate)
        checks = check_batches(
            engine.open_logits(candidate),
            logits_function(classifier, torch.device("cpu")),
            dataset.test.images,
            engine.tolerance_for("float32"),
        )
        variant = variant_record(
            trained, model, "float32", checks, directory=directory, engine=engine, command=command
        )
        if earlier:
            variants = earlier.variants | {"float32": variant}
            record = earlier.model_copy(update={"variants": variants})
        else:  # The reference takes longest, so it comes last.
            reference = _reference(trained, dataset, classifier, device, directory, on_step)
            record = Export(reference=reference, variants={"float32": variant})
        (directory / run.export.name).write_bytes(content_of_record(record))
    note_own(variant)
    return variant


def _reference(
    trained: TrainedNetwork,
    dataset: Dataset,
    classifier: nn.Module,
    device: torch.device,
    directory: Path,
    on_step: OnStep,
) -> Reference:
    logits = reference_logits(
        trained,
        dataset,
        classifier,
        device,
        lambda done, total: on_step("PyTorch's reference", done, total),
    )
    return saved_reference(directory / trained.run.reference.name, logits, device)


def _reference_device(name: str) -> torch.device:
    device = device_from_name(name)
    if device.type == "mps":
        raise UnusableError("--device", "mps: has no float64, which the reference needs")
    set_tf32(False)
    return device
