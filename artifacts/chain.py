"""The chain of hashes: evaluation -> ONNX file and reference -> checkpoint -> recipe -> dataset.

Each function opens one link, compares every hash that it speaks of with what is on disk, and
refuses what does not match by naming the file and the record.
"""

from dataclasses import dataclass
from pathlib import Path

from artifacts.export_records import Export, Reference, Variant
from artifacts.files import sha256_of_file
from artifacts.json_records import MOST_BYTES, read_record
from artifacts.run_directory import RunDirectory
from artifacts.shell import pasteable
from artifacts.training_records import DatasetSpec, Imported, ModelSpec, Recipe, Sha256, Training
from errors import ArtifactError
from untrusted.files import is_there, require_file


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A run's network, whose record and weights are what they should be.

    Attributes:
        run: where its files lie.
        model: how to build it.
        classes: what its logits stand for.
        dataset: what it is proved on.
        checkpoint_sha256: of its weights.
        parameters: how many trainable numbers it has.
        recipe: how it was trained; None: elsewhere.
    """

    run: RunDirectory
    model: ModelSpec
    classes: tuple[str, ...]
    dataset: DatasetSpec
    checkpoint_sha256: Sha256
    parameters: int
    recipe: Recipe | None


@dataclass(frozen=True, kw_only=True)
class ExportedNetwork:
    """An exported variant whose ONNX file, reference and checkpoint are what the record says."""

    trained: TrainedNetwork
    variant: Variant
    reference: Reference
    onnx: Path


def trained_network(run: RunDirectory) -> TrainedNetwork:
    """Return the run's network, with its record and weights verified.

    Raises:
        ArtifactError: no finished training is there, nor a network that was trained elsewhere; or a
            file is not what its record says.
    """
    if is_there(run.imported) and not is_there(run.training):
        return _imported_network(run)
    if not is_there(run.training):
        what = "no finished training here" if run.root.is_dir() else "no such run directory"
        raise ArtifactError(str(run.root), what, hint="train it with: python cli.py train")
    training = read_record(run.training, Training)
    require_hash(
        run.recipe,
        training.recipe_sha256,
        record=run.training,
        most_bytes=MOST_BYTES,
        again="train",
    )
    require_hash(
        run.weights,
        training.checkpoint_sha256,
        record=run.training,
        size_bytes=training.checkpoint_bytes,
        again="train",
    )
    recipe = read_record(run.recipe, Recipe)
    return TrainedNetwork(
        run=run,
        model=recipe.model,
        classes=recipe.dataset.classes,
        dataset=recipe.dataset,
        checkpoint_sha256=training.checkpoint_sha256,
        parameters=training.parameters,
        recipe=recipe,
    )


def exported_network(run: RunDirectory, precision: str) -> ExportedNetwork:
    """Return one exported variant of the run, with every link down to the recipe verified.

    Raises:
        ArtifactError: it was not exported, or a link of the chain does not hold.
    """
    trained = trained_network(run)
    hint = f"export it with: {pasteable('export', f'--run={run.root}')}"
    if not is_there(run.export):
        raise ArtifactError(str(run.root), "no exported network here", hint=hint)
    export = read_record(run.export, Export)
    if precision not in export.variants:
        found = ", ".join(export.variants)
        raise ArtifactError(
            str(run.export),
            f"no variant {precision!r}: found {found}",
            hint=f"{hint} --precision {precision}",
        )
    variant, reference = export.variants[precision], export.reference
    onnx = run.onnx(precision)
    files = [
        (onnx, variant.onnx_sha256, variant.file_bytes),
        (run.reference, reference.sha256, reference.bytes),
    ]
    if (weights := variant.external_data) is not None:
        files.append((run.external_data(precision), weights.sha256, weights.bytes))
    for path, sha256, size_bytes in files:
        require_hash(path, sha256, record=run.export, size_bytes=size_bytes, again="export")
    for path, of in (
        (onnx, variant.checkpoint_sha256),
        (run.reference, reference.checkpoint_sha256),
    ):
        if of != trained.checkpoint_sha256:
            raise ArtifactError(
                str(path),
                f"was made from other weights than {run.weights.name} now holds"
                f" (sha256 {of[:12]}, found {trained.checkpoint_sha256[:12]})",
                hint=hint,
            )
    if reference.dataset_sha256 != trained.dataset.sha256:
        raise ArtifactError(
            str(run.reference),
            "was computed on another dataset than the recipe names",
            hint=hint,
        )
    return ExportedNetwork(trained=trained, variant=variant, reference=reference, onnx=onnx)


def _imported_network(run: RunDirectory) -> TrainedNetwork:
    imported = read_record(run.imported, Imported)
    require_hash(
        run.weights,
        imported.checkpoint_sha256,
        record=run.imported,
        size_bytes=imported.checkpoint_bytes,
        again="export",
    )
    return TrainedNetwork(
        run=run,
        model=imported.model,
        classes=imported.classes,
        dataset=imported.dataset,
        checkpoint_sha256=imported.checkpoint_sha256,
        parameters=imported.parameters,
        recipe=None,
    )


def require_hash(
    path: Path,
    expected: str,
    *,
    record: Path,
    size_bytes: int | None = None,
    most_bytes: int | None = None,
    again: str | None = None,
) -> None:
    """Refuse a file that is not the one that a record speaks of.

    Args:
        path: the file.
        expected: its sha256 in the record.
        record: where that stands.
        size_bytes: the same of its size, which is compared first; None: it does not say.
        most_bytes: that such a file may have; None: any number.
        again: the command that makes it anew, for the hint.

    Raises:
        ArtifactError: it is missing, or another one.
    """
    size = require_file(path, most_bytes=most_bytes)
    if size_bytes in (None, size):
        found = sha256_of_file(path, most_bytes=size)
        if found == expected:
            return
        difference = f"sha256 {expected[:12]} wanted, {found[:12]} found"
    else:
        difference = f"{size_bytes:,} bytes wanted, {size:,} found"
    raise ArtifactError(
        str(path),
        f"is not the file that {record.name} speaks of ({difference})",
        hint=f"restore the file, or {again} again" if again else None,
    )
