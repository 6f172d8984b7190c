"""An epoch of training, beside what people use instead, as ratios in one run.

    python -m benchmarks.training_speed --data-dir DIR

MLP at batch 32 and LeNet-5 at batch 128 on MNIST's 48,000 training images of the `assignment`
recipe: ours from memory and from disk, a bare loop, the torch DataLoader way, Keras' `fit`, and for
the MLP the matrix products and updates alone, below which no loop can come on that machine. An
epoch of each warms up and is not counted. "From disk" reads the memory map of the cache; MNIST
being small, its pages stay in the system's memory, so this is the price of the way, not of a disk.
"""

import contextlib
import statistics
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from artifacts.environment import usable_cpus
from artifacts.training_records import Recipe
from benchmarks.arithmetic import arithmetic_alone
from benchmarks.contenders import (
    Epoch,
    KerasFit,
    MissingContenderError,
    bare_loop,
    data_loader,
    ours,
)
from benchmarks.environments import interpreter
from benchmarks.measuring import (
    RESULTS,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    ratio_summary,
    write_measurement,
)
from commands.run_data import dataset_spec
from data import Dataset, load_dataset
from data.splits import TrainingIndices
from models import build, network_name
from models.cost import multiply_adds
from trainers.execution import set_determinism, thread_count
from trainers.plan import planned_training
from trainers.processes import processes_of

WORKLOADS = {"mlp": 32, "lenet5": 128}  # batch sizes
KERAS = "Keras fit"
# Network, contender, how many times as long as ours it must take at least.
TARGETS = (
    ("mlp", KERAS, 5.0),
    ("mlp", "DataLoader", 10.0),
    ("mlp", "bare loop", 1 / 1.05),  # ours is slower by no more than 5%
    ("lenet5", "DataLoader", 2.0),
)


@click.command()
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--repetitions", type=click.IntRange(1), default=7, show_default=True)
@click.option("--keras-python", type=click.Path(path_type=Path), help="[default: .bench/keras]")
@click.option("--no-keras", is_flag=True, help="Leave Keras out, and say so.")
@click.option("--threads", type=click.IntRange(1), help="[default: what `train` would take]")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "training-speed.json")
def command(
    data_dir: Path,
    repetitions: int,
    keras_python: Path | None,
    no_keras: bool,
    threads: int | None,
    out: Path,
) -> None:
    """Measure and write the table."""
    head = measurement_head() | load_of_machine()
    try:
        python = "--no-keras" if no_keras else (keras_python or interpreter("keras"))
    except click.ClickException as error:  # the others are worth measuring all the same
        python = error.message
    dataset = _mapped_mnist(data_dir)
    try:
        workloads = {
            model: _measured(model, batch, dataset, data_dir, repetitions, python, threads)
            for model, batch in WORKLOADS.items()
        }
    except MissingContenderError as error:  # in the middle of a measurement
        raise click.ClickException(str(error)) from error
    targets = [judged_target(workloads, *target) for target in TARGETS]
    document = head | {"workloads": workloads, "targets": targets}
    write_measurement(out, document)
    _print(workloads, targets)


def _mapped_mnist(data_dir: Path) -> Dataset:
    """Return MNIST as memory maps; read from its source, as it is the first time, it is not one."""
    for _ in range(2):
        dataset = load_dataset("mnist", data_dir=data_dir)
        if isinstance(dataset.train.images, np.memmap):
            return dataset
    raise click.ClickException("MNIST cannot be kept in the cache: is the disk full?")


def _measured(
    model: str,
    batch_size: int,
    dataset: Dataset,
    data_dir: Path,
    repetitions: int,
    keras_python: Path | str,  # a text says why there is none
    threads: int | None,
) -> dict[str, Any]:
    recipe, indices = planned_training(
        dataset,
        spec=dataset_spec(dataset, "mnist"),
        network=network_name(model),
        recipe="assignment",
        overrides={"batch_size": batch_size, "epochs": repetitions + 1},
        val_split=None,
        subset=1.0,
        seed=0,
        device_type="cpu",
    )
    with contextlib.ExitStack() as stack:
        processes = stack.enter_context(processes_of("cpu"))
        set_determinism(True, processes.device)
        threads = threads or _threads(model, recipe.dataset.image_shape, batch_size)
        torch.set_num_threads(threads)
        contenders: dict[str, Epoch] = {
            "ours": ours(recipe, dataset, indices, processes, streamed=False),
            "ours, from disk": ours(recipe, dataset, indices, processes, streamed=True),
            "bare loop": bare_loop(recipe, dataset, indices),
            "DataLoader": data_loader(recipe, data_dir, indices, workers=0),
            "DataLoader, 2 workers": data_loader(recipe, data_dir, indices, workers=2),
        }
        floor = arithmetic_alone(recipe, len(indices.train))
        if floor is not None:
            contenders["arithmetic alone"] = floor
        keras, missing = _keras(keras_python, recipe, dataset, indices)
        if keras is not None:
            stack.callback(keras.close)
            contenders[KERAS] = keras
        seconds = alternating_seconds(
            contenders, repetitions, lambda line: click.echo(f"{model}: {line}", err=True)
        )
    return {
        "batch_size": batch_size,
        "images": len(indices.train),
        "threads": threads,
        "keras": None if keras is None else keras.facts | {"epochs": keras.epochs[1:]},
        "missing": missing,
        "contenders": {
            name: {"images_per_second": round(len(indices.train) / statistics.median(taken))}
            | ratio_summary(taken, seconds["ours"])
            for name, taken in seconds.items()
        },
    }


def _keras(
    python: Path | str, recipe: Recipe, dataset: Dataset, indices: TrainingIndices
) -> tuple[KerasFit | None, dict[str, str]]:
    """Return Keras ready to run, or None and by its name why it is missing."""
    if isinstance(python, str):
        return None, {KERAS: python}
    try:
        return KerasFit(python, recipe, dataset, indices), {}
    except MissingContenderError as error:
        return None, {KERAS: str(error)}


def _threads(model: str, image_shape: tuple[int, int, int], batch_size: int) -> int:
    channels, height, width = image_shape
    network = build(model, num_classes=10, in_channels=channels, image_size=(height, width))
    return thread_count(batch_size * multiply_adds(network, image_shape), usable_cpus())


def judged_target(
    workloads: dict[str, Any], model: str, contender: str, wanted: float
) -> dict[str, Any]:
    """Return what was wanted of a contender's ratio, what was measured, and whether it is met."""
    found = workloads[model]["contenders"].get(contender)
    ratio = found["ratio_to_ours"]["median"] if found else None
    return {
        "name": f"{model}: {contender} takes at least {wanted:.3g} times ours",
        "wanted": round(wanted, 3),
        "measured": ratio if ratio is not None else "not measured",
        "met": None if ratio is None else ratio >= wanted,
    }


def _print(workloads: dict[str, Any], targets: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    for model, workload in workloads.items():
        table = Table(
            title=f"{model}, batch {workload['batch_size']}, {workload['threads']} threads"
        )
        for column in ("an epoch by", "seconds", "images/s", "times ours", "least to most"):
            table.add_column(column, justify="left" if column == "an epoch by" else "right")
        for name, found in workload["contenders"].items():
            ratio = found["ratio_to_ours"]
            table.add_row(
                name,
                f"{found['median_seconds']:.2f}",
                f"{found['images_per_second']:,}",
                f"{ratio['median']:.2f}",
                f"{ratio['min']:.2f} to {ratio['max']:.2f}",
            )
        console.print(table)
        for name, reason in workload["missing"].items():
            console.print(f"missing from {model}: {name}: {reason}", markup=False)
    for target in targets:
        met = {True: "met", False: "MISSED", None: "not measured"}[target["met"]]
        console.print(f"{met}: {target['name']} ({target['measured']})")


if __name__ == "__main__":
    command()
