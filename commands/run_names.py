"""Which runs and studies are meant by what was typed, and what they are called."""

from collections.abc import Sequence
from pathlib import Path

from artifacts.run_directory import LAST_RUN, RunDirectory
from artifacts.study_directory import is_study
from untrusted.files import is_there

# What the project itself writes beside runs, so that `runs/*` means the runs.
NO_RUNS = (LAST_RUN.name, "report.html")


def expanded(places: Sequence[Path]) -> list[Path]:
    """Return the places, each once: a directory of runs as the runs in it, in their order.

    So is a study of the runs that it made; another one is passed over.
    """
    found = []
    for place in places:
        if is_run(place):
            found.append(place)
        elif not _stands_beside_runs(place):
            found += _runs_in(place) or ([] if is_study(place) else [place])
    return _each_once(found)


def runs_and_studies(places: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the runs and the studies that are meant, each once.

    A study is meant itself, not the runs that it made; a directory of both stands for all of them.
    What is neither is among the runs, to be refused by its name.
    """
    runs: list[Path] = []
    studies: list[Path] = []
    for place in places:
        if is_study(place):
            studies.append(place)
        elif is_run(place):
            runs.append(place)
        elif not _stands_beside_runs(place):
            studies_inside = [path for path in _directories_in(place) if is_study(path)]
            runs_inside = [path for path in _runs_in(place) if path not in studies_inside]
            runs += runs_inside or ([] if studies_inside else [place])
            studies += studies_inside
    return _each_once(runs), _each_once(studies)


def labels_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Return for each path as many of its last parts as tell it apart from the others."""
    labels = {}
    for path in paths:
        others = [other.parts for other in paths if other != path]
        count = 1
        while any(other[-count:] == path.parts[-count:] for other in others):
            count += 1
        labels[path] = "/".join(path.parts[-count:])
    return labels


def _each_once(places: Sequence[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for place in places:
        found.setdefault(place.resolve(), place)
    return list(found.values())


def _stands_beside_runs(place: Path) -> bool:
    return place.name in NO_RUNS and place.is_file()


def _runs_in(place: Path) -> list[Path]:
    return [path for path in _directories_in(place) if is_run(path)]


def _directories_in(place: Path) -> list[Path]:
    return [path for path in sorted(place.iterdir()) if path.is_dir()] if place.is_dir() else []


def is_run(place: Path) -> bool:
    """Return whether a directory holds a run: a network, or evaluations of one."""
    run = RunDirectory(place)
    return any(is_there(path) for path in (run.training, run.imported, run.evaluations))
