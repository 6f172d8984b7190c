"""Which runs are meant by what was typed, and what they are called beside each other."""

from collections.abc import Sequence
from pathlib import Path

from artifacts.run_directory import LAST_RUN, RunDirectory
from untrusted.files import is_there

# What the project itself writes beside runs, so that `runs/*` means the runs.
NO_RUNS = (LAST_RUN.name, "report.html")


def expanded(places: Sequence[Path]) -> list[Path]:
    """Return the places, each once: a directory of runs as the runs in it, in their order."""
    found: dict[Path, Path] = {}
    for place in places:
        if place.name in NO_RUNS and place.is_file():
            continue
        inside = [] if _is_run(place) else _runs_in(place)
        for one in inside or [place]:
            found.setdefault(one.resolve(), one)
    return list(found.values())


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


def _runs_in(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return [path for path in sorted(place.iterdir()) if path.is_dir() and _is_run(path)]


def _is_run(place: Path) -> bool:
    run = RunDirectory(place)
    return any(is_there(path) for path in (run.training, run.imported, run.evaluations))
