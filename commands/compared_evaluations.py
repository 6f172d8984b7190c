"""Which evaluations `compare` is about: those of run directories, and files of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from artifacts.choices import PRECISIONS
from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Export
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.shell import pasteable
from artifacts.verification import NO_EXPORT, stale
from commands.console import log
from commands.run_names import expanded, labels_of
from errors import ArtifactError, UsageError
from report.comparison import NamedEvaluation
from untrusted.files import is_there


@dataclass(frozen=True, kw_only=True)
class _Found:
    path: Path
    run: RunDirectory | None  # None: a file that lies in no run
    evaluation: Evaluation


def read_evaluations(
    places: Sequence[Path], against: Path | None = None
) -> tuple[list[NamedEvaluation], NamedEvaluation]:
    """Return all evaluations of runs and files, in their order, each once, and the baseline.

    Args:
        places: run directories, and JSON files of evaluations.
        against: a name or a place that says which one is the baseline; None: the first.

    Raises:
        ArtifactError: a place is missing, or has no evaluation that could be compared.
        UsageError: `against` is none of them, or several.
    """
    found: dict[Path, _Found] = {}
    for place in expanded(places):
        found |= {one.path.resolve(): one for one in _found_in(place) if _is_new(one, found)}
    other = {}
    if against is not None and against.exists():
        other = {one.path.resolve(): one for one in _found_in(against)}
        found = {path: one for path, one in other.items() if path not in found} | found
    if not found:
        raise ArtifactError(str(places[0]), "has no evaluation: wanted a run or an evaluation")
    named = dict(zip(found, _named(list(found.values())), strict=True))
    evaluations = list(named.values())
    if other:
        return evaluations, named[next(iter(other))]
    if against is None:
        return evaluations, evaluations[0]
    return evaluations, _called(str(against), evaluations)


def run_of(evaluation: NamedEvaluation) -> RunDirectory | None:
    """Return the run that an evaluation's file lies in; None where it lies in none."""
    return _run_around(Path(evaluation.file))


def _is_new(one: _Found, found: dict[Path, _Found]) -> bool:
    return one.path.resolve() not in found


def _found_in(place: Path) -> list[_Found]:
    if not place.exists():
        raise ArtifactError(str(place), "no such run directory or evaluation")
    if place.is_dir():
        return _found_in_run(RunDirectory(place))
    evaluation = read_record(place, Evaluation)
    run = _run_around(place)
    if run is not None and (problem := stale(evaluation, read_record(run.export, Export))):
        log.warning("%s: it %s", place, problem)
    return [_Found(path=place, run=run, evaluation=evaluation)]


def _found_in_run(run: RunDirectory) -> list[_Found]:
    export = read_record(run.export, Export) if is_there(run.export) else None
    paths = run.evaluation_records()
    has_network = is_there(run.training) or is_there(run.imported)
    if export is None and not paths and not has_network:
        raise ArtifactError(str(run.root), "is no run directory")
    found = []
    for path in paths:
        evaluation = read_record(path, Evaluation)
        if export and (problem := stale(evaluation, export)):
            log.warning("%s is left out: it %s", path, problem)
        elif has_network and export is None:
            log.warning("%s is left out: %s", path, NO_EXPORT)
        else:
            found.append(_Found(path=path, run=run, evaluation=evaluation))
    if not found:
        raise ArtifactError(
            str(run.root),
            "has no evaluation of what was exported last" if paths else "has no evaluation",
            hint=f"evaluate a variant with: {pasteable('evaluate', f'--run={run.root}')}",
        )
    return sorted(found, key=_order)  # float32 first, since the first one is the baseline


def _order(one: _Found) -> tuple[int, str]:
    precision = one.evaluation.model.precision
    known = precision in PRECISIONS
    return PRECISIONS.index(precision) if known else len(PRECISIONS), one.path.name


def _run_around(file: Path) -> RunDirectory | None:
    run = RunDirectory(file.resolve().parent.parent)
    is_inside = file.resolve().parent == run.evaluations and is_there(run.export)
    return run if is_inside else None


def _named(found: Sequence[_Found]) -> list[NamedEvaluation]:
    roots = [
        (one.run.root.resolve() if one.run else one.path.resolve().with_suffix("")) for one in found
    ]
    labels = labels_of(list(dict.fromkeys(roots)))
    return [
        NamedEvaluation(
            name=f"{labels[root]}/{one.path.stem}" if one.run else labels[root],
            run=labels[root],
            file=str(one.path),
            evaluation=one.evaluation,
        )
        for root, one in zip(roots, found, strict=True)
    ]


def _called(name: str, evaluations: Sequence[NamedEvaluation]) -> NamedEvaluation:
    """Return the evaluation of this name, or of this variant, or the first of this run."""
    exact = [each for each in evaluations if each.name == name]
    of_run = [each for each in evaluations if each.run == name][:1]
    of_variant = [each for each in evaluations if each.name.rpartition("/")[2] == name]
    matching = exact or of_run or of_variant
    if len(matching) == 1:
        return matching[0]
    problem = "is the name of several" if matching else f"no evaluation is called {name!r}"
    candidates = matching or evaluations
    raise UsageError(
        "--against", f"{problem}: wanted one of {', '.join(each.name for each in candidates)}"
    )
