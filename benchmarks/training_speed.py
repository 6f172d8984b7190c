"""An epoch of training, beside what people use instead, as ratios in one run.

    python -m benchmarks.training_speed --data-dir DIR

MLP at batch 32 and LeNet-5 at batch 128 on MNIST's 48,000 training images of the `assignment`
recipe: ours from memory and from disk, a bare loop, the torch DataLoader way, Keras' `fit`.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rich.table import Table

from artifacts.environment import usable_cpus
from artifacts.files import write_bytes
from benchmarks.contenders import Epoch, KerasFit, bare_loop, data_loader, ours
from benchmarks.environments import interpreter
from benchmarks.measuring import RESULTS, alternating_seconds, measurement_head, ratio_summary
from data import Dataset, load_dataset
from trainers.execution import multiply_adds, set_determinism, thread_count
from trainers.plan import planned_training
from trainers.processes import processes_of

WORKLOADS = {"mlp": 32, "lenet5": 128}  # batch sizes
# Network, contender, whether its ratio to ours must be at least or at most the number.
TARGETS = (
    ("mlp", "Keras fit", "at least", 5.0),
    ("mlp", "DataLoader", "at least", 10.0),
    ("mlp", "bare loop", "at least", 1 / 1.05),
    ("lenet5", "DataLoader", "at least", 2.0),
)


@click.command()
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--repetitions", type=click.IntRange(1), default=7, show_default=True)
@click.option("--keras-python", type=click.Path(path_type=Path), help="[default: .bench/keras]")
@click.option("--no-keras", is_flag=True)
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
    head = measurement_head()
    python = None if no_keras else (keras_python or interpreter("keras"))
    dataset = load_dataset("mnist", data_dir=data_dir)
    workloads = {
        model: _measured(model, batch, dataset, repetitions, python, threads)
        for model, batch in WORKLOADS.items()
    }
    targets = [_target(workloads, *target) for target in TARGETS]
    document = head | {"workloads": workloads, "targets": targets}
    write_bytes(out, (json.dumps(document, indent=2) + "\n").encode())
    _print(workloads, targets)


def _measured(
    model: str,
    batch_size: int,
    dataset: Dataset,
    repetitions: int,
    keras_python: Path | None,
    threads: int | None,
) -> dict[str, Any]:
    recipe, indices = planned_training(
        dataset,
        source="mnist",
        data_dir=None,
        model=model,
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
        bare = bare_loop(recipe, dataset, indices)
        network = ours(recipe, dataset, indices, processes)
        threads = threads or _threads(model, recipe.dataset.image_shape, batch_size)
        torch.set_num_threads(threads)
        contenders: dict[str, Epoch] = {
            "ours": network,
            "ours, from disk": ours(recipe, dataset, indices, processes, memory_bytes=0),
            "bare loop": bare,
            "DataLoader": data_loader(recipe, dataset, indices, workers=0),
            "DataLoader, 2 workers": data_loader(recipe, dataset, indices, workers=2),
        }
        keras = None
        if keras_python is not None:
            keras = KerasFit(keras_python, recipe, dataset, indices)
            stack.callback(keras.close)
            contenders["Keras fit"] = keras
        seconds = alternating_seconds(
            contenders, repetitions, lambda line: click.echo(f"{model}: {line}", err=True)
        )
    return {
        "batch_size": batch_size,
        "images": len(indices.train),
        "threads": threads,
        "keras": None if keras is None else {k: v for k, v in keras.last.items() if k != "seconds"},
        "contenders": {
            name: ratio_summary(taken, seconds["ours"]) for name, taken in seconds.items()
        },
    }


def _threads(model: str, image_shape: tuple[int, int, int], batch_size: int) -> int:
    from models import build

    channels, height, width = image_shape
    network = build(model, num_classes=10, in_channels=channels, image_size=(height, width))
    return thread_count(batch_size * multiply_adds(network, image_shape), usable_cpus())


def _target(
    workloads: dict[str, Any], model: str, contender: str, direction: str, wanted: float
) -> dict[str, Any]:
    found = workloads[model]["contenders"].get(contender)
    ratio = found["ratio_to_ours"]["median"] if found else None
    return {
        "target": f"{model}: {contender} takes {direction} {wanted:.3g} times ours",
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
                f"{workload['images'] / found['median_seconds']:,.0f}",
                f"{ratio['median']:.2f}",
                f"{ratio['min']:.2f} to {ratio['max']:.2f}",
            )
        console.print(table)
    for target in targets:
        met = {True: "met", False: "MISSED", None: "not measured"}[target["met"]]
        console.print(f"{met}: {target['target']} ({target['measured']})")


if __name__ == "__main__":
    command()
