"""The record of a variant: made of its file and what was checked, and taken back."""

from pathlib import Path

import onnx

from artifacts.chain import TrainedNetwork
from artifacts.choices import Precision
from artifacts.engine import Engine
from artifacts.environment import current_environment
from artifacts.export_records import BatchCheck, Export, Variant
from artifacts.files import sha256_of_file
from artifacts.json_records import write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Sha256
from artifacts.variant_records import HalfPrecision, Quantization
from export.checks import tensor_specs
from export.graph import opset_of
from export.saving import external_data_record


def variant_record(
    trained: TrainedNetwork,
    model: onnx.ModelProto,
    precision: Precision,
    checks: tuple[BatchCheck, ...],
    *,
    directory: Path,
    engine: Engine,
    command: str,
    float32_sha256: Sha256 | None = None,
    half_precision: HalfPrecision | None = None,
    quantization: Quantization | None = None,
) -> Variant:
    """Return the record of a variant whose file is written, and not yet in its place.

    Args:
        trained: the run.
        model: what the file holds.
        precision: which variant it is.
        checks: how it compared with PyTorch at several batch sizes.
        directory: where its file is.
        engine: that ran it then.
        command: that made it.
        float32_sha256: of the ONNX file that it was made of; None: of PyTorch.
        half_precision: how it was made, and the same for
        quantization: the other way.
    """
    path = directory / trained.run.onnx(precision).name
    external_data = directory / trained.run.external_data(precision).name
    return Variant(
        precision=precision,
        file=path.name,
        onnx_sha256=sha256_of_file(path),
        file_bytes=path.stat().st_size,
        external_data=external_data_record(external_data),
        checkpoint_sha256=trained.checkpoint_sha256,
        float32_sha256=float32_sha256,
        half_precision=half_precision,
        quantization=quantization,
        opset=opset_of(model),
        ir_version=model.ir_version,
        inputs=tensor_specs(model.graph.input),
        outputs=tensor_specs(model.graph.output),
        nodes=len(model.graph.node),
        provider=engine.provider,
        tolerance=engine.tolerance_for(precision).name,
        batch_checks=checks,
        environment=current_environment(),
        command=command,
    )


def withdraw_variant(run: RunDirectory, export: Export | None, precision: Precision) -> None:
    """Take back what the run's record says of a variant whose file is about to be replaced.

    The other variants are as they were, and their records stay.

    Args:
        run: whose record it is.
        export: what it says; None: nothing that will hold, so that all of it goes.
        precision: of the variant.

    Raises:
        UnfinishedError: the disk is full.
    """
    if export is not None and export.variants.keys() - {precision}:
        if precision in export.variants:
            write_record(run.export, export_without(export, precision))
    else:
        run.export.unlink(missing_ok=True)


def export_without(export: Export, precision: Precision) -> Export:
    """Return the record as if the variant had not been exported."""
    others = {name: one for name, one in export.variants.items() if name != precision}
    return export.model_copy(update={"variants": others})
