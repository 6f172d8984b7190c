"""What all measurements share: alternating runs, ratios, and what says how they were made."""

import json
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from artifacts.environment import current_environment
from storage.writing import write_bytes

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
# What `make bench` writes part by part is no change of what is measured.
CODE = ("--", ".", ":!benchmarks/results", ":!benchmarks/RESULTS.md")
BUSY_LOAD = 0.5  # half a CPU taken by others before the measurement starts


def measurement_head() -> dict[str, Any]:
    """Return the command, the commit, whether files differ from it, and the machine.

    Of paths outside the project only the last part is kept: where they lay says nothing.
    """
    arguments = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return {
        "command": shlex.join(["python", "-m", _module_started(), *arguments]),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no", *CODE)),
        "environment": current_environment().model_dump(),
    }


def alternating_seconds(
    contenders: Mapping[str, Callable[[], float]],
    repetitions: int,
    tell: Callable[[str], None],
    *,
    warm: bool = False,
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each repetition; a first round does not count.

    Within a repetition all take their turn, so that a change in the machine's speed hits all; the
    order is turned round each time, so that none always runs after the same other.

    Args:
        contenders: names and functions that do the work once and return its seconds.
        repetitions: how often each is measured.
        tell: is told how far it is.
        warm: each has done its work once already, so that every round counts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for repetition in range(1 if warm else 0, repetitions + 1):
        names = list(contenders)[:: 1 if repetition % 2 else -1]
        for name in names:
            taken = contenders[name]()
            if repetition:
                seconds[name].append(taken)
        tell(f"round {repetition} of {repetitions}")
    return seconds


def load_of_machine() -> dict[str, Any]:
    """Return how many processes wanted a CPU in the last minute; warn where that spoils a timing.

    On busy cores threads wait for one another: see results/threads-busy.json.
    """
    if not hasattr(os, "getloadavg"):  # Windows
        return {"load_average": None}
    load = round(os.getloadavg()[0], 2)
    if load > BUSY_LOAD:
        click.echo(f"warning: the machine is busy (load {load}); measure on a quiet one", err=True)
    return {"load_average": load}


def write_measurement(path: Path, document: dict[str, Any]) -> None:
    """Write a measurement as JSON."""
    write_bytes(path, (json.dumps(document, indent=2) + "\n").encode())


def read_measurement(path: Path) -> dict[str, Any]:
    """Return what `write_measurement` wrote."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def ratio_summary(seconds: list[float], ours: list[float]) -> dict[str, Any]:
    """Return a contender's median and how many times ours it took: median, least and most."""
    ratios = [theirs / own for theirs, own in zip(seconds, ours, strict=True)]
    return {
        "median_seconds": round(statistics.median(seconds), 4),
        "seconds": [round(value, 4) for value in seconds],
        "ratio_to_ours": {
            "median": round(statistics.median(ratios), 3),
            "min": round(min(ratios), 3),
            "max": round(max(ratios), 3),
        },
    }


def _module_started() -> str:
    spec = sys.modules["__main__"].__spec__
    assert spec is not None, "started as python -m"
    return spec.name.removesuffix(".__main__")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
