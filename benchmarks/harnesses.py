"""What each harness says one call takes: whose median is nearest to a bare loop's.

    python -m benchmarks.harnesses

The same ONNX file at batch 1, with one thread, timed by a bare loop of `session.run`, by ours, and
by what people use: optimum-benchmark, Olive's evaluator, Polygraphy's comparator. Each measures in
a fresh process, all take turns, and each median is held against the bare loops right before and
after it: within a minute a shared machine changes by more than what is looked for.
One thread: so a second one that waits for its CPU does not stand in anyone's figure.

optimum-benchmark feeds floats under transformers' name, so it is given the same network without its
preprocessing, and is held against a bare loop of that file.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.brief_runs import exported_run, write_fewer, write_float_graph
from benchmarks.child import Child, MissingContenderError
from benchmarks.environments import ready_interpreter, versions_in
from benchmarks.latency_tools import transformers_folder
from benchmarks.measuring import RESULTS, load_of_machine, measurement_head, write_measurement
from benchmarks.own_commands import done, onnxproof
from data import load_dataset

OURS, BARE, BARE_FLOATS = "onnxproof", "bare loop", "bare loop, floats"
NETWORKS = {"lenet5": 10, "resnet18": 2}  # repetitions; a call of the second takes 100 times longer
THREADS = 1
BARE_SECONDS = 1.0
OPTIMUM_SECONDS = 10.0  # its own default
QUICK_SECONDS = 0.5  # of both
WITHIN_PERCENT = 2.0
PACKAGES = (
    *("optimum-benchmark", "optimum", "optimum-onnx", "olive-ai", "polygraphy"),
    "onnxruntime-gpu",
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a harness said, and how long it took to say so."""

    median_us: float
    samples: int
    wall_seconds: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a harness said, between two bare loops."""

    reading: Reading
    before: Reading
    after: Reading

    @property
    def percent_from_floor(self) -> float:
        """How far the median is above the mean of the two loops' medians; below is negative."""
        floor_us = (self.before.median_us + self.after.median_us) / 2
        return 100 * (self.reading.median_us / floor_us - 1)


Harness = Callable[[], Reading]


@click.command()
@click.option("--data-dir", hidden=True, help="Not needed: a few embedded digits will do.")
@click.option("--quick", is_flag=True, help="LeNet-5 once, and only harnesses that are here.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "harnesses.json")
def command(data_dir: str | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    del data_dir
    head = measurement_head() | load_of_machine()
    python, missing = ready_interpreter("others", make=not quick)
    networks = {}
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as name:
        dataset = Path(name) / "few.npz"
        write_fewer(dataset, load_dataset("digits"), train=200, test=32)
        for model, repetitions in {"lenet5": 1}.items() if quick else NETWORKS.items():
            floors, harnesses = _harnesses(Path(name), model, dataset, python, quick=quick)
            told, absent = alternating_readings(floors, harnesses, repetitions, model)
            networks[model] = compared(told) | {"repetitions": repetitions, "missing": absent}
    document = {
        "threads": THREADS,
        "versions": {} if python is None else versions_in(python, PACKAGES),
        "missing": missing,
        "networks": networks,
        "targets": [target for model in networks for target in judged(model, networks[model])],
    }
    write_measurement(out, head | document)


def _harnesses(
    folder: Path, model: str, dataset: Path, python: Path | None, *, quick: bool
) -> tuple[dict[str, Harness], dict[str, Harness]]:
    """Return the bare loops, and what is held against them."""
    run = exported_run(folder, model, str(dataset))
    of_transformers = folder / f"{model}-floats"
    of_transformers.mkdir()
    floats = of_transformers / "model.onnx"
    write_float_graph(run, floats)
    transformers_folder(of_transformers, image_size=28, channels=1)
    pixels = run.onnx("float32")
    here = Path(sys.executable)
    bare_seconds = QUICK_SECONDS if quick else BARE_SECONDS
    floors: dict[str, Harness] = {
        BARE: partial(_of_tool, here, "bare", pixels, bare_seconds),
        BARE_FLOATS: partial(_of_tool, here, "bare", floats, bare_seconds),
    }
    ours: dict[str, Harness] = {OURS: partial(_ours, pixels, dataset, folder)}
    if python is None:
        return floors, ours
    optimum_seconds = QUICK_SECONDS if quick else OPTIMUM_SECONDS
    return floors, ours | {
        "Polygraphy": partial(_of_tool, python, "polygraphy", pixels),
        "Olive": partial(_of_tool, python, "olive", pixels),
        "optimum-benchmark": partial(
            _of_tool, python, "optimum-benchmark", floats, optimum_seconds
        ),
    }


def _ours(file: Path, dataset: Path, folder: Path) -> Reading:
    start = time.perf_counter()
    asked = ("--onnx", str(file), "--dataset", str(dataset), "--batch-sizes", "1")
    process = onnxproof("evaluate", *asked, "--threads", str(THREADS), "--json", folder=folder)
    done(process)
    wall_seconds = time.perf_counter() - start
    (timing,) = json.loads(process.stdout)["latency"]
    return Reading(
        median_us=1000 * timing["p50_ms"], samples=timing["samples"], wall_seconds=wall_seconds
    )


def _of_tool(python: Path, tool: str, file: Path, seconds: float = 0.0) -> Reading:
    start = time.perf_counter()
    arguments = (tool, str(file), str(THREADS), str(seconds))
    with Child(python, "benchmarks.latency_tools", *arguments) as child:
        answer = child.ask()
    return Reading(
        median_us=1000 * answer["median_ms"],
        samples=answer["samples"],
        wall_seconds=time.perf_counter() - start,
    )


def alternating_readings(
    floors: Mapping[str, Harness], harnesses: Mapping[str, Harness], repetitions: int, title: str
) -> tuple[dict[str, list[Held]], dict[str, str]]:
    """Return what each said in each repetition beside its bare loop, and why some said nothing.

    The order is turned round each time, so that none always measures after the same other.

    Args:
        floors: the bare loops by their names.
        harnesses: that are held against them.
        repetitions: how often each measures.
        title: of what is told.
    """
    told: dict[str, list[Held]] = {name: [] for name in harnesses}
    missing: dict[str, str] = {}
    for repetition in range(repetitions):
        before: dict[str, Reading] = {}  # the bare loop that has just run, by its name
        for name in list(harnesses)[:: -1 if repetition % 2 else 1]:
            if name in missing:
                continue
            floor = floor_of(name)
            start = before.get(floor) or floors[floor]()
            try:
                reading = harnesses[name]()
            except MissingContenderError as error:
                missing[name] = str(error)
                del told[name]
                before = {}
                continue
            before = {floor: floors[floor]()}
            told[name].append(Held(reading=reading, before=start, after=before[floor]))
        click.echo(f"{title}: repetition {repetition + 1} of {repetitions}", err=True)
    return told, missing


def compared(told: Mapping[str, list[Held]]) -> dict[str, Any]:
    """Return each harness' medians beside those of the bare loops of the same file."""
    loops: dict[str, list[Reading]] = {}
    for name, held in told.items():
        for one in held:
            loops.setdefault(floor_of(name), []).extend((one.before, one.after))
    found = {name: _summary(readings) for name, readings in loops.items()}
    for name, held in told.items():
        percent = [one.percent_from_floor for one in held]
        found[name] = _summary([one.reading for one in held]) | {
            "difference_percent": {
                "median": round(statistics.median(percent), 2),
                "min": round(min(percent), 2),
                "max": round(max(percent), 2),
            }
        }
    return {"harnesses": found}


def floor_of(name: str) -> str:
    """Return which bare loop ran the file that a harness was given."""
    return BARE_FLOATS if name in (BARE_FLOATS, "optimum-benchmark") else BARE


def _summary(readings: Sequence[Reading]) -> dict[str, Any]:
    medians = [reading.median_us for reading in readings]
    median_us = statistics.median(medians)
    return {
        "median_us": round(median_us, 3),
        "medians_us": [round(value, 3) for value in medians],
        "spread_percent": round(100 * (max(medians) - min(medians)) / median_us, 2),
        "wall_seconds": round(statistics.median(reading.wall_seconds for reading in readings), 2),
        "samples": round(statistics.median(reading.samples for reading in readings)),
    }


def judged(model: str, network: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was wanted of ours, what was measured, and whether it is met."""
    away = {
        name: abs(found["difference_percent"]["median"])
        for name, found in network["harnesses"].items()
        if name not in (BARE, BARE_FLOATS)
    }
    others = {name: percent for name, percent in away.items() if name != OURS}
    nearest = min(others, key=others.__getitem__, default=None)
    return [
        {
            "name": f"{model}: within {WITHIN_PERCENT:g}% of the bare loop's median",
            "wanted": WITHIN_PERCENT,
            "measured": away[OURS],
            "met": away[OURS] <= WITHIN_PERCENT,
        },
        {
            "name": f"{model}: nearer to the bare loop than any other harness",
            "wanted": nearest and f"less than {others[nearest]:g} ({nearest})",
            "measured": away[OURS] if nearest else "not measured",
            "met": away[OURS] < others[nearest] if nearest else None,
        },
    ]


if __name__ == "__main__":
    command()
