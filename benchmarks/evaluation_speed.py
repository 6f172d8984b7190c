"""What the proof costs beside what people use to count right answers: ratios in one run.

    python -m benchmarks.evaluation_speed [--data-dir DIR]

MNIST's test split for the MLP and LeNet-5, 4,000 images of svhn-gray for ResNet-18, each trained
and exported on the spot. Ours gives accuracy and parity against PyTorch's recorded logits; the
others count right answers alone: the bare `session.run` calls on ready arrays (which do not even
that), a torch DataLoader, timm's onnx_validate, optimum's ORTModelForImageClassification. The bare
calls run the file that ours does; the others the same network without preprocessing, since they
normalize themselves. The whole command stands beside `python -c "import torch"`.
"""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from artifacts.chain import exported_network
from artifacts.environment import usable_cpus
from artifacts.run_directory import RunDirectory
from benchmarks.brief_runs import exported_run, write_fewer, write_float_graph
from benchmarks.child import Child, MissingContenderError
from benchmarks.environments import ready_interpreter, versions_in
from benchmarks.latency_tools import transformers_folder
from benchmarks.measuring import (
    RESULTS,
    ROOT,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    ratio_summary,
    write_measurement,
)
from benchmarks.workload_data import (
    WorkloadData,
    embedded_digits,
    mnist_or_digits,
    svhn_gray_or_digits,
)
from commands.run_data import dataset_of_run
from data import Dataset
from evaluate.evaluation import EvaluationOptions
from evaluate.opening import Opened, opened_subject
from evaluate.passes import BATCH_SIZE, PassPlan, SliceComputer, local_pass
from evaluate.subject import subject_of_run

Result = dict[str, Any]
Pass = Callable[[], float]  # seconds
OURS, BARE = "onnxproof: accuracy and parity", "bare calls"
# Name, way, environment (none: this project's own), workers; 2 are timm's default.
WAYS = (
    ("DataLoader", "data-loader", None, 0),
    ("DataLoader, 2 workers", "data-loader", None, 2),
    ("timm onnx_validate", "timm", "others", 2),
    ("optimum ORTModel", "optimum", "others", 0),
)
DATA_LOADERS = ("DataLoader", "DataLoader, 2 workers")
PACKAGES = ("timm", "optimum", "optimum-onnx", "transformers", "onnxruntime-gpu")
MOST_TIMES_BARE, LEAST_TIMES_OURS = 1.15, 10.0
SMALL = ("mlp", "lenet5")  # where decoding, not arithmetic, is the work
TRAINED_ON, RESNET_EXAMPLES = 500, 4_000
GO_SECONDS = 0.5
ASLEEP_SECONDS = 0.1  # ONNX Runtime's threads look for work 35 ms long after a call


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network, its images in all forms that are wanted, and how often each way is timed."""

    model: str
    dataset_name: str
    folder: Path
    run: RunDirectory
    opened: Opened
    repetitions: int


@click.command()
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path))
@click.option("--quick", is_flag=True, help="One repetition on digits, of what is installed here.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "evaluation-speed.json")
def command(data_dir: Path | None, quick: bool, out: Path) -> None:
    """Measure what the proof costs, and write the JSON."""
    head = measurement_head() | load_of_machine()
    python, missing = ready_interpreter("others", make=not quick)
    networks: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as name:
        for model, repetitions in {"lenet5": 1}.items() if quick else _repetitions().items():
            source = embedded_digits() if quick else _source(model, data_dir)
            subject = _subject(Path(name), model, source, repetitions)
            networks[model] = _measured(subject, python)
            if model in SMALL and not quick:  # of the large one it is the pass once more
                networks[model]["command"] = _command(subject)
            click.echo(f"{model}: {networks[model]}", err=True)
    document = {
        "threads": usable_cpus(),
        "batch_size": BATCH_SIZE,
        "versions": {} if python is None else versions_in(python, PACKAGES),
        "missing": missing,
        "networks": networks,
        "targets": [target for model in networks for target in judged(model, networks[model])],
    }
    write_measurement(out, head | document)


def _repetitions() -> dict[str, int]:
    return {"mlp": 5, "lenet5": 5, "resnet18": 1}  # a pass of the last takes 17 s


def _source(model: str, data_dir: Path | None) -> WorkloadData:
    return (svhn_gray_or_digits if model == "resnet18" else mnist_or_digits)(data_dir)


def _subject(folder: Path, model: str, source: WorkloadData, repetitions: int) -> Subject:
    dataset = folder / f"{model}.npz"
    test = RESNET_EXAMPLES if model == "resnet18" else len(source.dataset.test)
    write_fewer(dataset, source.dataset, train=TRAINED_ON, test=test)
    run = exported_run(folder, model, str(dataset))
    opened = _opened(run)
    others = folder / f"{model}-floats"
    _write_for_others(others, run, opened.dataset)
    return Subject(
        model=model,
        dataset_name=source.name,
        folder=others,
        run=run,
        opened=opened,
        repetitions=repetitions,
    )


def _opened(run: RunDirectory) -> Opened:
    exported = exported_network(run, "float32")
    dataset = dataset_of_run(exported.trained.dataset, None, None)
    session = EvaluationOptions().session
    subject = subject_of_run(exported, dataset, "recorded", session)
    return opened_subject(subject, dataset, session)


def _write_for_others(folder: Path, run: RunDirectory, dataset: Dataset) -> None:
    folder.mkdir()
    write_float_graph(run, folder / "model.onnx")
    channels, side, _ = dataset.image_shape
    transformers_folder(folder, image_size=side, channels=channels)
    recipe = exported_network(run, "float32").trained.recipe
    assert recipe is not None
    images, labels = np.array(dataset.test.images), np.array(dataset.test.labels)
    mean, std = recipe.mean[0] / 255, recipe.std[0] / 255
    np.savez(folder / "split.npz", images=images, labels=labels, mean=mean, std=std)
    for label in np.unique(labels):
        (folder / "pngs" / str(label)).mkdir(parents=True)
    for number, (image_CHW, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image_CHW[0]).save(folder / "pngs" / str(label) / f"{number}.png")


def _measured(subject: Subject, others: Path | None) -> Result:
    bare, ours, right = _own_passes(subject.opened)
    passes: dict[str, Pass] = {BARE: bare, OURS: ours}
    counted = {OURS: right}
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for name, way, environment, workers in WAYS:
            python = Path(sys.executable) if environment is None else others
            if python is None:
                continue
            arguments = (str(subject.folder), str(usable_cpus()), str(BATCH_SIZE), str(workers))
            try:
                child = stack.enter_context(Child(python, "benchmarks.pass_ways", way, *arguments))
                counted[name] = child.ask()["right"]
            except MissingContenderError as error:
                missing[name] = str(error)
                continue
            passes[name] = partial(_seconds_of_child, child)
        seconds = alternating_seconds(
            passes,
            subject.repetitions,
            lambda line: click.echo(f"{subject.model}: {line}", err=True),
            warm=True,  # each has counted its right answers
        )
    return {
        "dataset": subject.dataset_name,
        "examples": len(subject.opened.dataset.test),
        "passes": {
            name: ratio_summary(taken, seconds[OURS]) | {"right": counted.get(name)}
            for name, taken in seconds.items()
        },
        "missing": missing,
    }


def _own_passes(opened: Opened) -> tuple[Pass, Pass, int]:
    """Return the bare calls and our pass on the same session, and how many answers are right.

    One session for both: a second one's threads would still be waiting for work, at full speed,
    while the first one is timed.
    """
    test = opened.dataset.test
    images = np.array(test.images)
    batches = [images[i : i + BATCH_SIZE] for i in range(0, len(images), BATCH_SIZE)]
    session = opened.runner._session
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

    def ours() -> int:
        sums = local_pass(computer, test.images, test.labels, lambda what, done, total: None)
        return sums.onnx.correct

    # Several in one go, so that what the threads of one slow down in the other counts little.
    times = max(1, round(GO_SECONDS / _seconds_of(bare)))
    return partial(_mean_seconds, bare, times), partial(_mean_seconds, ours, times), ours()


def _mean_seconds(work: Callable[[], object], times: int) -> float:
    time.sleep(ASLEEP_SECONDS)
    return sum(_seconds_of(work) for _ in range(times)) / times


def _seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _seconds_of_child(child: Child) -> float:
    time.sleep(ASLEEP_SECONDS)
    seconds: float = child.ask()["seconds"]
    return seconds


def _command(subject: Subject) -> Result:
    """Return the wall time of the whole command and that of importing torch, in seconds."""
    run = str(subject.run.root)
    evaluate = (str(ROOT / "cli.py"), "evaluate", "--run", run, "--no-latency", "--json")

    def seconds_of(*arguments: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
        return time.perf_counter() - start

    seconds = alternating_seconds(
        {
            "import torch": partial(seconds_of, "-c", "import torch"),
            "evaluate": partial(seconds_of, *evaluate),
        },
        min(subject.repetitions, 3),
        lambda _: None,
    )
    return {name: round(statistics.median(taken), 3) for name, taken in seconds.items()}


def judged(model: str, network: Result) -> list[Result]:
    """Return what was wanted of ours, what was measured, and whether it is met."""
    passes = network["passes"]
    times_bare = 1 / passes[BARE]["ratio_to_ours"]["median"]
    targets = [
        {
            "name": f"{model}: at most {MOST_TIMES_BARE:g} times the bare calls",
            "wanted": MOST_TIMES_BARE,
            "measured": round(times_bare, 3),
            "met": times_bare <= MOST_TIMES_BARE,
        }
    ]
    loaders = [passes[name]["ratio_to_ours"]["median"] for name in DATA_LOADERS if name in passes]
    if model in SMALL:
        fastest = min(loaders, default=None)
        targets.append(
            {
                "name": f"{model}: the faster DataLoader takes {LEAST_TIMES_OURS:g} times ours",
                "wanted": LEAST_TIMES_OURS,
                "measured": "not measured" if fastest is None else fastest,
                "met": None if fastest is None else fastest >= LEAST_TIMES_OURS,
            }
        )
    return targets


if __name__ == "__main__":
    command()
