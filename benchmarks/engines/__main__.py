"""The same exported networks in several engines, and in differently set up sessions of one.

    python -m benchmarks.engines [--data-dir DIR]

Each engine is a process of its own, is given as many threads as this process may use CPUs, and
computes only in its turn. uint8 images go in, float32 logits come out, both numpy arrays. PyTorch's
float32 logits of the same images say how exact each is. The second half changes one setting of our
session at a time, on the smaller three networks.
"""

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from artifacts.environment import usable_cpus
from benchmarks.child import Child, MissingContenderError
from benchmarks.engines.networks import Workload, write_network
from benchmarks.engines.opened import COMPILED, DEFAULTS, ENGINES, OPENVINO, OURS
from benchmarks.engines.settings import SETTINGS
from benchmarks.environments import ready_interpreter
from benchmarks.measuring import (
    RESULTS,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    ratio_summary,
    write_measurement,
)
from benchmarks.workload_data import embedded_digits, mnist_or_digits, svhn_gray_or_digits

Result = dict[str, Any]
SECONDS_A_TURN = 0.1
SETTING_ROUNDS = 3
SETTINGS_AT_ONCE = 6  # open beside ours: each keeps the memory of its largest batch
PARITY_BATCH = 32
NOT_SLOWER, CLEARLY_FASTER = 0.97, 1.2  # 3% is what two sessions that are alike differ by
UNCOMPILED = "resnet50"  # torch.compile takes minutes
LARGEST_TRIED = {"mlp": 256, "lenet5": 256, "resnet18": 32}  # of settings; ResNet-50 like the last


@click.command()
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path))
@click.option("--quick", is_flag=True, help="An MLP on the digits, once, and what is installed.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "engines.json")
def command(data_dir: Path | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    head = measurement_head() | load_of_machine()
    python, missing = ready_interpreter("others", make=not quick)
    threads = usable_cpus()
    networks: dict[str, Result] = {}
    for workload in _quick_workloads() if quick else _workloads(data_dir):
        click.echo(f"{workload.model} on {workload.data.name}", err=True)
        with tempfile.TemporaryDirectory(prefix="onnxproof-") as name:
            write_network(workload, Path(name))
            networks[workload.model] = _engines(workload, Path(name), python, threads, quick=quick)
            if workload.model in LARGEST_TRIED:
                chosen = list(SETTINGS)[:SETTINGS_AT_ONCE] if quick else list(SETTINGS)
                tried = _settings(_briefer(workload), Path(name), threads, chosen)
                networks[workload.model]["settings"] = tried
    targets = judged({model: network["engines"] for model, network in networks.items()})
    document = {"threads": threads, "missing": missing, "networks": networks, "targets": targets}
    write_measurement(out, head | document)


def _workloads(data_dir: Path | None) -> tuple[Workload, ...]:
    mnist, svhn = mnist_or_digits(data_dir), svhn_gray_or_digits(data_dir)
    return (
        Workload(model="mlp", data=mnist, batch_sizes=(1, 32, 256), rounds=9),
        Workload(model="lenet5", data=mnist, batch_sizes=(1, 32, 256), rounds=9),
        Workload(model="resnet18", data=svhn, batch_sizes=(1, 32, 256), rounds=5),
        Workload(model="resnet50", data=svhn, batch_sizes=(1, 32), rounds=5),
    )


def _quick_workloads() -> tuple[Workload, ...]:
    digits = embedded_digits()
    return (Workload(model="mlp", data=digits, batch_sizes=(1, 32), rounds=1),)


def _engines(
    workload: Workload, folder: Path, others: Path | None, threads: int, *, quick: bool
) -> Result:
    missing: dict[str, str] = {}
    if quick or workload.model == UNCOMPILED:
        missing[COMPILED] = "left out: compiling takes too long here"
    if others is None:
        missing |= dict.fromkeys(OPENVINO, "its environment is not there")
    here = Path(sys.executable)
    commands = {
        name: (others if others and name in OPENVINO else here, "engine")
        for name in ENGINES
        if name not in missing
    }
    measured, absent = _compared(workload, folder, commands, threads)
    return {
        "dataset": workload.data.name,
        "batch_sizes": workload.batch_sizes,
        "rounds": workload.rounds,
        "engines": measured,
        "missing": missing | absent,
    }


def _briefer(workload: Workload) -> Workload:
    """Return what the many sessions are timed on: fewer rounds, and no batch that takes seconds."""
    sizes = tuple(size for size in workload.batch_sizes if size <= LARGEST_TRIED[workload.model])
    return replace(workload, batch_sizes=sizes, rounds=min(workload.rounds, SETTING_ROUNDS))


def _settings(workload: Workload, folder: Path, threads: int, names: Sequence[str]) -> Result:
    """Return each setting beside ours; a few at a time, ours measured anew beside each few."""
    found: Result = {}
    absent: dict[str, str] = {}
    for first in range(0, len(names), SETTINGS_AT_ONCE):
        few = (OURS, *names[first : first + SETTINGS_AT_ONCE])
        commands = {name: (Path(sys.executable), "setting") for name in few}
        measured, missing = _compared(workload, folder, commands, threads)
        found |= {name: result for name, result in measured.items() if name != OURS}
        absent |= missing
    return {"sessions": found, "missing": absent}


def _compared(
    workload: Workload, folder: Path, commands: Mapping[str, tuple[Path, str]], threads: int
) -> tuple[Result, dict[str, str]]:
    """Return what was measured of each, and why others are missing; ours must not be."""
    with contextlib.ExitStack() as stack:
        children: dict[str, Child] = {}
        results: Result = {}
        missing: dict[str, str] = {}
        for name, (python, kind) in commands.items():
            arguments = (kind, name, str(folder), str(threads))
            try:
                child = stack.enter_context(
                    Child(python, "benchmarks.engines.contender", *arguments)
                )
                first = {
                    str(batch): child.ask(warm=batch)["first_seconds"]
                    for batch in workload.batch_sizes
                }
                results[name] = child.facts | {
                    "first_seconds": first,
                    "parity": child.ask(parity=PARITY_BATCH),
                    "batches": {},
                }
            except MissingContenderError as error:
                if name == OURS:
                    raise click.ClickException(str(error)) from error
                missing[name] = str(error)
                continue
            children[name] = child
        for batch in workload.batch_sizes:
            for name, timing in _timed(children, batch, workload).items():
                results[name]["batches"][str(batch)] = timing
    return results, missing


def _timed(children: Mapping[str, Child], batch: int, workload: Workload) -> dict[str, Result]:
    def turn(child: Child) -> float:
        answer = child.ask(batch=batch, seconds=SECONDS_A_TURN)
        return float(answer["median_seconds"])

    turns = {name: lambda child=child: turn(child) for name, child in children.items()}
    seconds = alternating_seconds(turns, workload.rounds, lambda _: None)
    click.echo(f"{workload.model}, batch {batch}: {', '.join(children)}", err=True)
    return {name: beside(taken, seconds[OURS], batch) for name, taken in seconds.items()}


def beside(seconds: list[float], ours: list[float], batch: int) -> Result:
    """Return the median, images a second, and how many times as long as ours it took."""
    median = statistics.median(seconds)
    return {
        "median_ms": round(1000 * median, 5),
        "ms": [round(1000 * value, 5) for value in seconds],
        "images_per_second": round(batch / median),
        "ratio_to_ours": ratio_summary(seconds, ours)["ratio_to_ours"],
    }


def judged(networks: Mapping[str, Result]) -> list[Result]:
    """Return what was wanted beside ONNX Runtime's defaults, what was measured, and the outcome."""
    ratios = {
        (model, batch): timing["ratio_to_ours"]["median"]
        for model, engines in networks.items()
        if DEFAULTS in engines
        for batch, timing in engines[DEFAULTS]["batches"].items()
    }

    def target(name: str, wanted: float, case: tuple[str, str] | None) -> Result:
        said = "not measured" if case is None else f"{ratios[case]:.2f} ({case[0]}, {case[1]})"
        met = None if case is None else ratios[case] >= wanted
        return {"name": name, "wanted": wanted, "measured": said, "met": met}

    slowest = min(ratios, key=ratios.__getitem__, default=None)
    fastest = max(ratios, key=ratios.__getitem__, default=None)
    return [
        target(
            f"ONNX Runtime's defaults take at least {NOT_SLOWER} times ours: network, batch",
            NOT_SLOWER,
            slowest,
        ),
        target(
            f"on one of them, ONNX Runtime's defaults take at least {CLEARLY_FASTER} times ours",
            CLEARLY_FASTER,
            fastest,
        ),
    ]


if __name__ == "__main__":
    command()
