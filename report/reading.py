"""A run's records, read and checked: all that a report tells comes from here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Export
from artifacts.files import sha256_of_file
from artifacts.history import read_history
from artifacts.json_records import MOST_BYTES, read_record
from artifacts.run_directory import RunDirectory
from artifacts.shell import pasteable
from artifacts.training_records import Epoch, Imported, Recipe, Training
from artifacts.verification import Link, checked_links
from errors import ArtifactError
from untrusted.files import is_there

EVALUATIONS = "evaluations/"  # how the names of evaluations begin in links


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """What is known of a run; None and empty where there is none of it.

    Attributes:
        run: its directory.
        name: what it is called, here and beside others.
        recipe: how it was trained.
        training: what came of it.
        history: one record an epoch.
        imported: where the network came from, if it was not trained here.
        export: its ONNX files.
        evaluations: float32 first, then by their file names.
        evaluations_sha256: of the evaluations' own files, by `evaluations/NAME.json`.
        links: of the chain of hashes; all that a report rests on hold.
    """

    run: RunDirectory
    name: str
    recipe: Recipe | None
    training: Training | None
    history: tuple[Epoch, ...]
    imported: Imported | None
    export: Export | None
    evaluations: tuple[Evaluation, ...]
    evaluations_sha256: dict[str, str]
    links: tuple[Link, ...]

    @property
    def network(self) -> str:
        """What the network is called."""
        if self.recipe is not None:
            return self.recipe.model.name
        if self.imported is not None:
            return self.imported.model.name
        return self.evaluations[0].model.name

    @property
    def classes(self) -> tuple[str, ...]:
        """What the logits stand for; none where nothing says it."""
        if self.recipe is not None:
            return self.recipe.dataset.classes
        if self.imported is not None:
            return self.imported.classes
        for evaluation in self.evaluations:
            if evaluation.accuracy is not None:
                return tuple(one.label for one in evaluation.accuracy.per_class)
        return ()

    @property
    def left_out(self) -> tuple[Link, ...]:
        """Evaluations that are of other files than the run now has, and why."""
        return _left_out(self.links)

    @property
    def main(self) -> Evaluation | None:
        """The evaluation that is told in full: the first."""
        return self.evaluations[0] if self.evaluations else None


def read_run(run: RunDirectory, name: str) -> RunRecords:
    """Return the records of a run, which is called by that name.

    Raises:
        ArtifactError: there is nothing to report, a record is damaged, or a file that the report
            would speak of is not what its record says.
    """
    links = _links(run)
    for link in links:
        if link.holds is False and not link.name.startswith(EVALUATIONS):
            raise ArtifactError(
                str(run.root),
                f"its chain of hashes is broken: {link.detail}",
                hint=f"see all of it with: {pasteable('verify --no-recompute --', run.root)}",
            )
    trained = is_there(run.training)
    export = read_record(run.export, Export) if is_there(run.export) else None
    evaluations = _evaluations(run, {link.name for link in _left_out(links)})
    if not (trained or is_there(run.imported) or evaluations):
        raise ArtifactError(
            str(run.root),
            "has nothing to report: neither a finished training nor an evaluation"
            if run.root.is_dir()
            else "no such run directory",
            hint="train one with: python cli.py train",
        )
    return RunRecords(
        run=run,
        name=name,
        recipe=read_record(run.recipe, Recipe) if trained else None,
        training=read_record(run.training, Training) if trained else None,
        history=read_history(run.history) if trained else (),
        imported=None if trained or not is_there(run.imported) else _imported(run),
        export=export,
        evaluations=evaluations,
        evaluations_sha256={
            f"{EVALUATIONS}{path.name}": sha256_of_file(path, most_bytes=MOST_BYTES)
            for path in run.evaluation_records()
        },
        links=links,
    )


def _links(run: RunDirectory) -> tuple[Link, ...]:
    if any(is_there(path) for path in (run.training, run.imported, run.export)):
        return checked_links(run)
    return ()  # evaluations of a file that no run made: nothing here speaks of another file


def _imported(run: RunDirectory) -> Imported:
    return read_record(run.imported, Imported)


def _left_out(links: Sequence[Link]) -> tuple[Link, ...]:
    return tuple(
        link for link in links if link.holds is False and link.name.startswith(EVALUATIONS)
    )


def _evaluations(run: RunDirectory, left_out: Collection[str]) -> tuple[Evaluation, ...]:
    found = [
        read_record(path, Evaluation)
        for path in run.evaluation_records()
        if f"{EVALUATIONS}{path.name}" not in left_out
    ]
    # sort() keeps the order of those that are equal.
    found.sort(key=lambda evaluation: evaluation.model.precision != "float32")
    return tuple(found)
