"""What the proof costs beside what it measures: ratios in one run, on runs that were exported.

    python -m benchmarks.evaluation_speed --run RUN [--run RUN ...] [--data-dir DIR]

Three questions. How long is the pass for accuracy and parity beside the bare `session.run` calls on
ready arrays, in batches of the same size? How long is the whole command, with the recorded
reference and without latency, beside `python -c "import torch"`? And how far is the harness' median
at batch 1 from that of a bare loop?
"""

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from artifacts.chain import exported_network
from artifacts.run_directory import RunDirectory
from benchmarks.measuring import (
    RESULTS,
    ROOT,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    ratio_summary,
    write_measurement,
)
from commands.run_data import dataset_of_run
from evaluate.evaluation import EvaluationOptions
from evaluate.latency import BLOCK_SECONDS, WARM_UP_SECONDS, LatencyOptions, measured_latency
from evaluate.opening import Opened, opened_subject
from evaluate.passes import BATCH_SIZE, PassPlan, SliceComputer, local_pass
from evaluate.subject import subject_of_run
from evaluate.timed_call import onnx_host_call

Result = dict[str, Any]
HARNESS_BLOCKS = 20
GO_SECONDS = 0.5


@click.command()
@click.option("--run", "runs", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path))
@click.option("--repetitions", type=click.IntRange(1), default=15, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "evaluation-speed.json")
def command(runs: tuple[Path, ...], data_dir: Path | None, repetitions: int, out: Path) -> None:
    """Measure what the proof costs, and write the JSON."""
    document = measurement_head() | load_of_machine() | {"runs": {}}
    for run in runs:
        opened, model = _opened(run, data_dir)
        few = repetitions if model != "resnet18" else min(repetitions, 3)  # minutes each
        document["runs"][run.name] = measured = {
            "model": model,
            "examples": len(opened.dataset.test),
            "pass": _pass(opened, few),
            "harness": _harness(opened),
            "command": _command(run, few),
        }
        click.echo(f"{run.name}: {measured}", err=True)
        write_measurement(out, document)


def _opened(path: Path, data_dir: Path | None) -> tuple[Opened, str]:
    exported = exported_network(RunDirectory(path), "float32")
    trained = exported.trained
    dataset = dataset_of_run(trained.dataset, None, data_dir)
    session = EvaluationOptions().session
    subject = subject_of_run(exported, dataset, "recorded", session)
    return opened_subject(subject, dataset, session), trained.model.name


def _bare_session(opened: Opened) -> Any:
    """Return the session that the project's own calls use.

    One session for both: a second one's threads would still be waiting for work, at full speed,
    while the first one is timed.
    """
    return opened.runner._session


def _pass(opened: Opened, repetitions: int) -> Result:
    """Return the pass beside the bare calls: the same session, images, batches."""
    test = opened.dataset.test
    images = np.array(test.images)
    batches = [images[i : i + BATCH_SIZE] for i in range(0, len(images), BATCH_SIZE)]
    session = _bare_session(opened)
    plan = PassPlan(
        onnx=opened.subject.onnx,
        session=opened.runner.asked,
        form=opened.form,
        output=opened.output,
        reference=opened.subject.reference,
        tolerance=opened.tolerance,
        live_tolerance=opened.tolerance,
        batch_size=BATCH_SIZE,
    )

    computer = SliceComputer(plan, opened.runner)

    def bare() -> None:
        for batch in batches:
            session.run(["logits"], {"images": batch})

    def ours() -> None:
        local_pass(computer, test.images, test.labels, lambda what, done, total: None)

    # Several in one go, so that what the threads of one slow down in the other counts little.
    times = max(1, round(GO_SECONDS / _seconds_of(bare)))
    contenders = {
        name: lambda work=work: sum(_seconds_of(work) for _ in range(times)) / times
        for name, work in (("bare", bare), ("pass", ours))
    }
    seconds = alternating_seconds(contenders, repetitions, lambda _: None)
    return _beside(seconds, "pass", "bare")


def _seconds_of(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _harness(opened: Opened) -> Result:
    """Return the harness' median at batch 1 beside a bare loop's, block by block in turn."""
    batch = np.array(opened.dataset.test.images[:1])
    session = _bare_session(opened)
    feed, names = {"images": batch}, ["logits"]
    for _ in range(200):
        session.run(names, feed)

    def bare() -> list[float]:
        session.run(names, feed)
        samples = []
        gc.disable()
        end = time.perf_counter_ns() + int(BLOCK_SECONDS * 1e9)
        while time.perf_counter_ns() < end:
            start = time.perf_counter_ns()
            session.run(names, feed)
            samples.append((time.perf_counter_ns() - start) / 1e6)
        gc.enable()
        return samples

    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(HARNESS_BLOCKS):
        theirs.append(statistics.median(bare()))
        record = measured_latency(
            onnx_host_call(opened.runner, opened.form, opened.output, batch),
            None,
            batch_size=1,
            boundary="host",
            options=LatencyOptions(min_samples=1, min_seconds=BLOCK_SECONDS),
            tolerance=opened.tolerance,
            threads=opened.runner.threads,
        )
        ours.append(record.p50_ms)
    difference = [1000 * (o - t) for o, t in zip(ours, theirs, strict=True)]
    return {
        "bare_median_us": round(1000 * statistics.median(theirs), 3),
        "harness_median_us": round(1000 * statistics.median(ours), 3),
        "difference_us": round(statistics.median(difference), 3),
        "difference_percent": round(
            100 * statistics.median(o / t - 1 for o, t in zip(ours, theirs, strict=True)), 2
        ),
        "warm_up_seconds": WARM_UP_SECONDS,
    }


def _command(run: Path, repetitions: int) -> Result:
    """Return the wall time of the whole command beside that of importing torch."""
    evaluate = [str(ROOT / "cli.py"), "evaluate", "--run", str(run), "--no-latency", "--json"]

    def seconds_of(*arguments: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
        return time.perf_counter() - start

    seconds = alternating_seconds(
        {
            "import torch": lambda: seconds_of("-c", "import torch"),
            "evaluate": lambda: seconds_of(*evaluate),
        },
        repetitions,
        lambda _: None,
    )
    return _beside(seconds, "evaluate", "import torch")


def _beside(seconds: dict[str, list[float]], ours: str, other: str) -> Result:
    """Return our median, the other's, and how many times the other's ours is."""
    summary = ratio_summary(seconds[ours], seconds[other])
    return {
        f"{other}_seconds": round(statistics.median(seconds[other]), 5),
        f"{ours}_seconds": round(statistics.median(seconds[ours]), 5),
        "ratio": summary["ratio_to_ours"],
        "rounds": len(seconds[ours]),
    }


if __name__ == "__main__":
    command()
