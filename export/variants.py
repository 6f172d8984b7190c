"""A variant of reduced precision: made of the run's float32 graph, checked, and put beside it."""

import tempfile
from pathlib import Path

import onnx
import torch

from artifacts.chain import ExportedNetwork, TrainedNetwork
from artifacts.choices import Precision
from artifacts.engine import Engine
from artifacts.export_records import Export, Variant
from artifacts.json_records import content_of_record, read_record
from artifacts.logits import LogitsFunction
from artifacts.own_graphs import note_own
from data import Dataset
from data.calibration import ReductionData, reduction_data
from errors import UnfinishedError
from export.checks import check_batches, check_file
from export.half import half_precision
from export.int8 import Int8Options, dynamic_int8, static_int8
from export.record import variant_record, withdraw_variant
from export.reduced import OnStep, Reduced
from export.saving import FREE_SPACE, NODE_BYTES
from models import build
from models.inference import logits_function
from models.weights import load_weights
from storage.space import require_space
from storage.writing import replacing_together

# Of an imported network nobody here knows what it was trained on: a tenth of the training split
# decides, and the ranges are taken from the rest.
IMPORTED_VAL_SPLIT, IMPORTED_SEED = 0.1, 0


def export_variant(
    float32: ExportedNetwork,
    dataset: Dataset,
    precision: Precision,
    int8: Int8Options,
    *,
    engine: Engine,
    on_step: OnStep,
    command: str,
) -> Variant:
    """Write a variant of reduced precision and its record into the run; return the record.

    Args:
        float32: the run's float32 variant, every link of its chain verified.
        dataset: the one that the recipe names; it is calibrated on its training split alone.
        precision: any but float32.
        int8: what the user decides about INT8; its calibration images serve float16 too.
        engine: runs graphs.
        on_step: is told how it goes on.
        command: for the record.

    Raises:
        DatasetError: the dataset has no training images to calibrate on.
        UsageError: an option does not fit the network.
        UnfinishedError: the graph cannot be reduced, a check failed, or the disk is full.
    """
    trained, run = float32.trained, float32.trained.run
    if float32.variant.external_data is not None:
        raise UnfinishedError(
            f"--precision {precision}",
            f"the weights lie outside {float32.onnx.name}, and only those inside can be reduced",
        )
    _require_space(float32, precision)
    data = _reduction_data(trained, dataset, int8.calibration_images)
    reduced = _reduced(onnx.load(float32.onnx), precision, data, int8, engine, on_step)
    on_step("checks of the graph", 0, 0)
    path = run.onnx(precision)
    export = read_record(run.export, Export)
    with replacing_together(
        path, record=run.export, withdraw=lambda: withdraw_variant(run, export, precision)
    ) as directory:
        candidate = directory / path.name
        onnx.save_model(reduced.model, candidate)
        model = check_file(candidate)
        checks = check_batches(
            engine.open_logits(candidate),
            _pytorch(trained),
            dataset.test.images,
            engine.tolerance_for(precision),
        )
        variant = variant_record(
            trained,
            model,
            precision,
            checks,
            directory=directory,
            engine=engine,
            command=command,
            float32_sha256=float32.variant.onnx_sha256,
            half_precision=reduced.half_precision,
            quantization=reduced.quantization,
        )
        variants = export.variants | {precision: variant}
        record = export.model_copy(update={"variants": variants})
        (directory / run.export.name).write_bytes(content_of_record(record))
    note_own(variant)
    return variant


def _require_space(float32: ExportedNetwork, precision: Precision) -> None:
    """Refuse to begin where the disk is too small.

    At most as much is wanted as the float32 graph takes, where every layer is put back. For INT8
    also two graphs among the system's temporary files: what the quantizer writes, and the one that
    is tried.
    """
    graph = float32.variant.file_bytes
    require_space(float32.trained.run.root, graph + NODE_BYTES, "the export", hint=FREE_SPACE)
    if precision.startswith("int8"):
        require_space(
            Path(tempfile.gettempdir()),
            2 * graph + NODE_BYTES,
            "quantizing",
            hint=f"{FREE_SPACE}, or name another with TMPDIR",
        )


def _reduced(
    model: onnx.ModelProto,
    precision: Precision,
    data: ReductionData,
    int8: Int8Options,
    engine: Engine,
    on_step: OnStep,
) -> Reduced:
    if precision == "int8":
        return static_int8(model, data, int8, engine, on_step)
    if precision == "int8-dynamic":
        return dynamic_int8(model, data, int8, engine, on_step)
    return half_precision(
        model, "float16" if precision == "fp16" else "bfloat16", data, engine, on_step
    )


def _reduction_data(trained: TrainedNetwork, dataset: Dataset, images: int) -> ReductionData:
    recipe = trained.recipe
    return reduction_data(
        dataset,
        subset=recipe.subset if recipe else 1.0,
        val_split=recipe.val_split if recipe else IMPORTED_VAL_SPLIT,
        seed=recipe.seed if recipe else IMPORTED_SEED,
        calibration_images=images,
    )


def _pytorch(trained: TrainedNetwork) -> LogitsFunction:
    classifier = build(**trained.model.model_dump())
    load_weights(trained.run.weights, classifier)
    return logits_function(classifier, torch.device("cpu"))
