"""Every link of a run's chain, held or broken: what `verify` tells, where others stop at the first.

evaluation -> ONNX file and reference -> checkpoint -> recipe -> dataset
"""

from collections.abc import Container, Iterator
from pathlib import Path

from artifacts.chain import exported_network, require_hash, trained_network
from artifacts.choices import PRECISIONS
from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Export
from artifacts.history import MOST_BYTES as MOST_HISTORY_BYTES
from artifacts.json_records import MOST_BYTES, Record, RecordType, read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Imported, ModelSpec, Recipe, Training
from errors import ArtifactError
from untrusted.files import is_there

# An export that is stopped leaves its files so, if it had begun to replace them.
NO_EXPORT = "no export.json speaks of it: export again"


class Link(Record):
    """One thing that another one speaks of."""

    name: str
    of: str  # the record that speaks of it
    holds: bool | None  # None: could not be checked
    detail: str | None = None  # what is wrong, or why it was not checked


def checked_links(run: RunDirectory) -> tuple[Link, ...]:
    """Return every link between the files of a run, all broken ones among them.

    Raises:
        ArtifactError: there is no network in the directory.
    """
    if not is_there(run.training) and not is_there(run.imported):
        trained_network(run)  # says what is missing
    return (*_network_links(run), *_export_links(run), *_evaluation_links(run))


def _network_links(run: RunDirectory) -> Iterator[Link]:
    if is_there(run.training):
        training = _read(run.training, Training)
        if isinstance(training, Link):
            yield training
            return
        yield _hash_link(run.recipe, training.recipe_sha256, run.training, most_bytes=MOST_BYTES)
        yield _weights_link(run, training, run.training)
        yield _hash_link(
            run.history, training.history_sha256, run.training, most_bytes=MOST_HISTORY_BYTES
        )
        recipe = _read(run.recipe, Recipe)
        yield from _source_links(recipe, run.recipe)
        return
    imported = _read(run.imported, Imported)
    if isinstance(imported, Link):
        yield imported
        return
    yield _weights_link(run, imported, run.imported)
    yield from _source_links(imported, run.imported)


def _source_links(record: Recipe | Imported | Link, path: Path) -> Iterator[Link]:
    """Yield the user's own file, where the network is defined in one."""
    if isinstance(record, Link):
        yield record
        return
    model: ModelSpec = record.model
    if model.file is not None and model.file_sha256 is not None:
        yield _hash_link(Path(model.file), model.file_sha256, path, most_bytes=MOST_BYTES)


def _export_links(run: RunDirectory) -> Iterator[Link]:
    if not is_there(run.export):
        unrecorded = _onnx_files(run)
        for path in unrecorded:
            yield _broken(path.name, run.export, ArtifactError(str(path), NO_EXPORT))
        if not unrecorded:
            yield Link(name="export", of=run.root.name, holds=None, detail="not exported yet")
        return
    export = _read(run.export, Export)
    if isinstance(export, Link):
        yield export
        return
    for precision, variant in export.variants.items():
        try:
            exported_network(run, precision)
        except ArtifactError as error:
            yield _broken(variant.file, run.export, error)
        else:
            yield Link(name=variant.file, of=run.export.name, holds=True)
    for path in _onnx_files(run, without=export.variants):
        yield Link(name=path.name, of=run.export.name, holds=None, detail="has no record there")
    reference = export.reference
    yield _hash_link(run.reference, reference.sha256, run.export, size_bytes=reference.bytes)


def _onnx_files(run: RunDirectory, without: Container[str] = ()) -> list[Path]:
    """Return the ONNX files that are there, without those of some precisions."""
    paths = [run.onnx(precision) for precision in PRECISIONS if precision not in without]
    return [path for path in paths if is_there(path)]


def _evaluation_links(run: RunDirectory) -> Iterator[Link]:
    export = _read(run.export, Export) if is_there(run.export) else None
    try:
        paths = run.evaluation_records()
    except ArtifactError as error:
        yield _broken(run.evaluations.name, run.export, error)
        return
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        evaluation = _read(path, Evaluation)
        if isinstance(evaluation, Link):
            yield evaluation
        elif isinstance(export, Export):
            problem = stale(evaluation, export)
            yield Link(name=name, of=run.export.name, holds=problem is None, detail=problem)
        elif export is None:
            yield Link(name=name, of=run.export.name, holds=False, detail=NO_EXPORT)
        else:
            yield Link(name=name, of=run.export.name, holds=None, detail="its record is broken")


def stale(evaluation: Evaluation, export: Export) -> str | None:
    """Return what an evaluation is of that is not what was exported last."""
    variant = export.variants.get(evaluation.model.precision)
    if variant is None or variant.onnx_sha256 != evaluation.model.onnx_sha256:
        return "is of another ONNX file than was exported last: evaluate again"
    if evaluation.reference_sha256 != export.reference.sha256:
        return "is against another reference than was recorded last: evaluate again"
    if evaluation.dataset.sha256 != export.reference.dataset_sha256:
        return "is on another dataset: evaluate again"
    return None


def _weights_link(run: RunDirectory, of: Training | Imported, record: Path) -> Link:
    return _hash_link(run.weights, of.checkpoint_sha256, record, size_bytes=of.checkpoint_bytes)


def _hash_link(
    path: Path,
    sha256: str,
    record: Path,
    *,
    size_bytes: int | None = None,
    most_bytes: int | None = None,
) -> Link:
    try:
        require_hash(path, sha256, record=record, size_bytes=size_bytes, most_bytes=most_bytes)
    except ArtifactError as error:
        return _broken(path.name, record, error)
    return Link(name=path.name, of=record.name, holds=True)


def _read(path: Path, kind: type[RecordType]) -> RecordType | Link:
    try:
        return read_record(path, kind)
    except ArtifactError as error:
        return _broken(path.name, path.parent, error)


def _broken(name: str, of: Path, error: ArtifactError) -> Link:
    return Link(name=name, of=of.name, holds=False, detail=str(error))
