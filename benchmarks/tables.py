"""The committed measurements as one page of tables, so that no figure is copied by hand.

    python -m benchmarks.tables

Writes `benchmarks/RESULTS.md` from `benchmarks/results/*.json`; a test tells when it is behind.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.detection_tables import DETECTION, detection_table
from benchmarks.engines_tables import ENGINES, engines_table
from benchmarks.evaluation_tables import (
    COST,
    EVALUATIONS,
    MEMORY,
    cost_table,
    evaluation_table,
    memory_table,
)
from benchmarks.exporting_tables import EXPORTING, exporting_table
from benchmarks.harness_tables import HARNESSES, harness_table
from benchmarks.limit_tables import LIMIT, limit_table
from benchmarks.markdown import Measured, source_line, table
from benchmarks.measuring import RESULTS
from benchmarks.precision_tables import PRECISION, precision_table
from benchmarks.quota_tables import QUOTA, quota_table
from benchmarks.serving_tables import SERVING, serving_table
from benchmarks.start_up_tables import START_UP, start_up_table
from benchmarks.targets import outcome
from benchmarks.training_tables import TRAINING, training_table
from benchmarks.tuning_tables import TUNING, tuning_table
from benchmarks.zoo_tables import ZOO, zoo_table
from storage.writing import write_bytes

PAGE = Path(__file__).parent / "RESULTS.md"

INTRODUCTION = """\
# What was measured

Written by `python -m benchmarks.tables` from the files in `benchmarks/results/`, which hold every
single value. Times on other machines differ; the ratios are what to compare.
"""
TARGETS = """\
## What was to be reached

Beside what people use instead; the sections below tell how each was measured.
"""
ACCURACY = """\
## Accuracy of the recipes

Each seed was trained, exported and evaluated by the project's own commands. The test split is read
once a seed, through ONNX Runtime's CPU provider. "Difference" is the largest between a logit of
PyTorch's and of ONNX Runtime's over the whole test split; "flips" counts the examples whose class
differs. `svhn-gray` is made of real SVHN digits in grey and is not the official SVHN.
"""
ABLATION = """\
## What each part of the best recipe is worth

The recipe as it is, without each of its parts, and with parts that it does without. Validation
accuracy in percent, mean and standard deviation over the seeds; the test split is not touched.
"""
THREADS = """\
## Threads

Milliseconds of a training step by the number of threads; the rule is what `train` takes. Alone on
the machine, more threads gain little where they have little to do each; beside busy processes they
lose far more, since all of them wait for the one that has to share its CPU.
"""


@dataclass(frozen=True)
class Section:
    """A heading with its tables, shown where there is a file to make them of.

    Attributes:
        introduction: heading and what the columns are.
        files: pattern of the measurements.
        tables: makes the tables of all of them.
    """

    introduction: str
    files: str
    tables: Callable[[Sequence[Measured]], str]


def page(folder: Path = RESULTS) -> str:
    """Return the page in Markdown."""
    parts = [INTRODUCTION, *_targets(folder)]
    for section in _sections():
        if files := _read(folder, section.files):
            parts += [section.introduction, section.tables(files)]
    return "\n".join(parts)


def _sections() -> tuple[Section, ...]:
    return (
        Section(ACCURACY, "accuracy-*.json", _accuracy),
        Section(ABLATION, "ablation-*.json", _each(_ablation)),
        Section(TUNING, "tuning.json", _each(tuning_table)),
        Section(TRAINING, "training-speed.json", _each(training_table)),
        Section(THREADS, "threads*.json", _threads),
        Section(EVALUATIONS, "evaluation-*-cpu.json", evaluation_table),
        Section(EXPORTING, "exporting.json", _each(exporting_table)),
        Section(COST, "evaluation-speed.json", _each(cost_table)),
        Section(ENGINES, "engines.json", _each(engines_table)),
        Section(QUOTA, "quota.json", _each(quota_table)),
        Section(HARNESSES, "harnesses.json", _each(harness_table)),
        Section(PRECISION, "precision.json", _each(precision_table)),
        Section(SERVING, "serving.json", _each(serving_table)),
        Section(MEMORY, "evaluation-memory.json", _each(memory_table)),
        Section(DETECTION, "detection.json", _each(detection_table)),
        Section(LIMIT, "limit.json", _each(limit_table)),
        Section(START_UP, "start-up.json", _each(start_up_table)),
        Section(ZOO, "zoo-*.json", _each(zoo_table)),
    )


def _each(of_one: Callable[[Measured], str]) -> Callable[[Sequence[Measured]], str]:
    return lambda files: "\n".join(map(of_one, files))


def _targets(folder: Path) -> list[str]:
    """Return what was to be reached beside others, of all measurements that say so."""
    rows = [
        (f"`{path.stem}`", target["name"], target["measured"], outcome(target))
        for path in sorted(folder.glob("*.json"))
        for target in _read(folder, path.name)[0].get("targets", [])
    ]
    return [TARGETS, table(("measurement", "target", "measured", ""), rows)] if rows else []


def _accuracy(files: Sequence[Measured]) -> str:
    header = (
        *("dataset, network, recipe", "test accuracy, %", "least", "seeds"),
        *("verdicts", "difference", "flips"),
    )
    rows = [
        (
            measured["name"],
            _mean(measured["test_percent_mean"], measured["test_percent_std"]),
            f"{measured['test_percent_min']:.2f}",
            measured["seeds"],
            ", ".join(sorted({run["verdict"] for run in measured["runs"]})),
            f"{max(run['onnx_max_abs'] for run in measured['runs']):.1e}",
            sum(run["onnx_flips"] for run in measured["runs"]),
        )
        for measured in files
    ]
    return table(header, rows) + "\n" + "".join(source_line(measured) for measured in files)


def _ablation(measured: Measured) -> str:
    settings = measured["settings"]
    title = f"### {measured['name']}, {settings['epochs']} epochs\n\n"
    rows = [
        (row["variant"], _mean(row["mean"], row["std"]), f"{row['difference']:+.2f}")
        for row in measured["rows"]
    ]
    return (
        title + table(("recipe", "accuracy, %", "difference"), rows) + "\n" + source_line(measured)
    )


def _threads(files: Sequence[Measured]) -> str:
    counts = list(files[0]["rows"][0]["threads"])
    states = [
        f"beside {busy} busy" if (busy := measured["busy_processes"]) else "alone"
        for measured in files
    ]
    columns = [f"{count} {state}" for state in states for count in counts]
    header = ("network, batch", "multiply-adds", "rule", *columns)
    rows = []
    for same_case in zip(*(measured["rows"] for measured in files), strict=True):
        case = same_case[0]
        head = (
            f"{case['model']}, {case['batch_size']}",
            f"{case['multiply_adds'] / 1e6:.1f} M",
            case["rule"],
        )
        times = (
            f"{row['threads'][count]['median_ms']:.2f}" for row in same_case for count in counts
        )
        rows.append((*head, *times))
    return table(header, rows) + "\n" + "".join(source_line(measured) for measured in files)


def _mean(mean: float, std: float | None) -> str:
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def _read(folder: Path, pattern: str) -> list[Measured]:
    # By stem: the whole names would put threads-busy.json before threads.json.
    files = sorted(folder.glob(pattern), key=lambda path: path.stem)
    return [{"name": _name(path)} | json.loads(path.read_text(encoding="utf-8")) for path in files]


def _name(path: Path) -> str:
    return path.stem.split("-", 1)[-1]


@click.command()
def command() -> None:
    """Write the page."""
    write_bytes(PAGE, page().encode())
    click.echo(PAGE)


if __name__ == "__main__":
    command()
