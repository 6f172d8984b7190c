"""A network to ONNX by ours and by what people use: seconds, the file, and what each checks.

    python -m benchmarks.exporting

LeNet-5 and ResNet-18, trained briefly on the embedded digits. All take turns, each export in a
process of its own. What a way checks is found by experiment: which batches it gives to ONNX
Runtime, and what it says and how it ends when the exporter writes weights that it was not given.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import onnx
import onnxruntime

from artifacts.chain import trained_network
from artifacts.choices import DEFAULT_OPSET
from artifacts.run_directory import RunDirectory
from benchmarks.brief_runs import trained_run
from benchmarks.environments import ready_interpreter, versions_in
from benchmarks.measuring import (
    RESULTS,
    ROOT,
    load_of_machine,
    measurement_head,
    write_measurement,
)

Result = dict[str, Any]
Ways = dict[str, tuple[str, Path]]  # by name: the way, and the Python that it runs in
OURS = "onnxproof export"
WAYS = {  # name: way, environment (none: this project's own)
    OURS: ("command", None),
    "onnxproof, graph and checks alone": ("graph", None),
    "torch.onnx.export(dynamo=True)": ("torch", None),
    "timm onnx_export(check_forward=True)": ("timm", "others"),
    "optimum main_export": ("optimum", "others"),
}
NOT_QUICK = ("graph", "optimum")  # a part of the first; optimum takes no LeNet-5
NETWORKS = ("lenet5", "resnet18")
REPETITIONS = 2
PACKAGES = ("timm", "optimum", "optimum-onnx", "transformers", "torch", "onnx", "onnxruntime-gpu")
TELLING = ("error", "warning", "mismatch", "differ", "not equal", "not almost equal")
EXCEPTION = re.compile(r"[\w.]+(Error|Exception): ")
PYTHON_WARNING = re.compile(r"\w+Warning: ")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """How one export went.

    Attributes:
        wall_seconds: of the process.
        code: exit code.
        lines: what it printed.
        told: what it said of itself; None where it did not come to the end.
        onnx: the file, or None where none was left.
    """

    wall_seconds: float
    code: int
    lines: tuple[str, ...]
    told: Result | None
    onnx: Path | None


@click.command()
@click.option("--data-dir", hidden=True, help="Not needed: the embedded digits will do.")
@click.option("--quick", is_flag=True, help="LeNet-5 once, and only ways that are here.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "exporting.json")
def command(data_dir: str | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    del data_dir
    head = measurement_head() | load_of_machine()
    python, missing = ready_interpreter("others", make=not quick)
    networks = {}
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as name:
        for model in NETWORKS[:1] if quick else NETWORKS:
            run = trained_run(Path(name), model, "digits", "--subset", "0.2")
            ways = _ways(python, quick=quick)
            sound, absent = _sound(run, model, ways, 1 if quick else REPETITIONS)
            found = {name: _summary(exports) for name, exports in sound.items()}
            if not quick:
                _plant(found, sound, run, ways)
            networks[model] = {"ways": found, "missing": absent}
    document = {
        "versions": {} if python is None else versions_in(python, PACKAGES),
        "missing": missing,
        "networks": networks,
    }
    write_measurement(out, head | document)


def _ways(others: Path | None, *, quick: bool) -> Ways:
    pythons = {None: Path(sys.executable), "others": others}
    return {
        name: (way, python)
        for name, (way, environment) in WAYS.items()
        if (python := pythons[environment]) is not None and not (quick and way in NOT_QUICK)
    }


def _sound(
    run: RunDirectory, model: str, ways: Ways, repetitions: int
) -> tuple[dict[str, list[Exported]], dict[str, str]]:
    """Return the exports of each way, and why some ways made none."""
    sound: dict[str, list[Exported]] = {name: [] for name in ways}
    missing: dict[str, str] = {}
    for repetition in range(repetitions):
        for name in list(ways)[:: -1 if repetition % 2 else 1]:
            if name in missing:
                continue
            exported = exported_by(*ways[name], run, wrong=False)
            if exported.told is None:
                missing[name] = reason_of_failure(exported.lines)
                del sound[name]
            else:
                sound[name].append(exported)
        click.echo(f"{model}: repetition {repetition + 1} of {repetitions}", err=True)
    return sound, missing


def _plant(
    found: Result, sound: Mapping[str, list[Exported]], run: RunDirectory, ways: Ways
) -> None:
    """Add how each way ends when its file is given wrong weights."""
    for name in found:
        way, python = ways[name]
        if way != "graph":  # a part of the command
            wrong = exported_by(way, python, run, wrong=True)
            usual = {line for exported in sound[name] for line in exported.lines}
            found[name]["wrong"] = outcome_of_wrong(usual, wrong)


def exported_by(way: str, python: Path, run: RunDirectory, *, wrong: bool) -> Exported:
    """Return how one export in a fresh process, from a fresh copy of the run, went.

    Args:
        way: of benchmarks.export_ways.
        python: that runs it.
        run: trained, not exported.
        wrong: whether torch's exporter is to write other weights than it was given.
    """
    folder = Path(tempfile.mkdtemp(dir=run.root.parent))
    copy = RunDirectory(folder / "run")
    shutil.copytree(run.root, copy.root)
    onnx_file = copy.onnx("float32") if way == "command" else folder / "model.onnx"
    order = {
        "run": str(copy.root),
        "model": trained_network(run).model.model_dump(),
        "opset": DEFAULT_OPSET,
        "onnx": str(onnx_file),
        "told": str(folder / "told.json"),
        "wrong": wrong,
    }
    (folder / "order.json").write_text(json.dumps(order))
    words = [str(python), "-m", "benchmarks.export_ways", way, str(folder / "order.json")]
    start = time.perf_counter()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    told = folder / "told.json"
    return Exported(
        wall_seconds=time.perf_counter() - start,
        code=done.returncode,
        lines=tuple(line for line in (done.stdout + done.stderr).splitlines() if line.strip()),
        told=json.loads(told.read_text()) if told.exists() else None,
        onnx=onnx_file if onnx_file.exists() else None,
    )


def _summary(exports: list[Exported]) -> Result:
    last = exports[-1]
    assert last.onnx is not None
    assert last.told is not None
    calls = [exported.told["seconds"] for exported in exports if exported.told is not None]
    walls = [exported.wall_seconds for exported in exports]
    return {
        "process_seconds": round(statistics.median(walls), 2),
        "call_seconds": round(statistics.median(calls), 2),
        "seconds": [round(value, 3) for value in calls],
        "file_bytes": sum(
            path.stat().st_size for path in last.onnx.parent.glob(f"{last.onnx.name}*")
        ),
        "nodes": len(onnx.load(last.onnx, load_external_data=False).graph.node),
        "optimized_nodes": optimized_nodes(last.onnx),
        "batch_sizes": sorted(set(last.told["batch_sizes"])),
        "examples": sum(last.told["batch_sizes"]),
        "wrong": None,
    }


def optimized_nodes(path: Path) -> int:
    """Return how many nodes are left when ONNX Runtime has rewritten the graph for this CPU."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimized.onnx"))
    options.log_severity_level = 3  # it warns that such a file is for this machine alone
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return len(onnx.load(options.optimized_model_filepath).graph.node)


def reason_of_failure(lines: Sequence[str]) -> str:
    """Return the exception of a traceback, without what follows it; else the last line."""
    exceptions = [line for line in lines if EXCEPTION.match(line)]
    return (exceptions or [*lines] or ["no message"])[-1]


def outcome_of_wrong(usual_lines: Collection[str], wrong: Exported) -> Result:
    """Return how a way ended, and what it said that it does not say of a sound export."""
    said = [
        line
        for line in wrong.lines
        # Indented lines are a traceback's code; Python's own warnings are of another matter.
        if line not in usual_lines
        and not line[0].isspace()
        and not PYTHON_WARNING.search(line)
        and any(word in line.lower() for word in TELLING)
    ]
    return {
        "exit_code": wrong.code,
        "file_kept": wrong.onnx is not None,
        "said": max(said, key=len, default=None),
    }


if __name__ == "__main__":
    command()
