"""An epoch of training, beside what people use instead, as ratios in one run.

    python -m benchmarks.training [--data-dir DIR] [--quick]

MLP at batch 32 and LeNet-5 at batch 128 on MNIST's 48,000 training images of the `assignment`
recipe, ResNet-18 at batch 64 on 2,000 of `svhn-gray`: ours from memory and from disk, a bare loop,
the torch DataLoader way, PyTorch Lightning, Keras' `fit`, and for the MLP the matrix products and
updates alone, below which no loop can come on that machine. Each is a process of its own and waits
while the others train. An epoch of each warms up and is not counted, but for the time to the same
validation accuracy. "From disk" reads a memory map, as of the cache; its pages stay in the system's
memory, so this is the price of the way, not of a disk.
"""

import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.measuring import (
    RESULTS,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    write_measurement,
)
from benchmarks.training.contenders import OURS, started
from benchmarks.training.material import Material
from benchmarks.training.results import TARGETS, judged_target, measured_contenders
from benchmarks.training.workloads import FULL, Workload, prepared, quick_workloads


@click.command()
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path))
@click.option("--quick", is_flag=True, help="Once, on digits, with what is installed already.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "training-speed.json")
def command(data_dir: Path | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    document = measurement_head() | load_of_machine()
    workloads = {
        workload.model: measured_workload(workload, data_dir, install=not quick)
        for workload in (quick_workloads() if quick else FULL)
    }
    targets = [judged_target(workloads, *target) for target in TARGETS]
    write_measurement(out, document | {"workloads": workloads, "targets": targets})


def measured_workload(
    workload: Workload, data_dir: Path | None, *, install: bool
) -> dict[str, Any]:
    """Return what each contender came to.

    Raises:
        click.ClickException: ours is missing.
    """

    def tell(line: str) -> None:
        click.echo(f"{workload.model}: {line}", err=True)

    with tempfile.TemporaryDirectory(prefix="onnxproof-") as folder:
        material = Material(Path(folder))
        facts = prepared(workload, workload.data(data_dir), material)
        with started(workload.contenders, material.folder, install=install) as ready:
            epochs = {name: contender.epoch for name, contender in ready.contenders.items()}
            alternating_seconds(epochs, workload.repetitions, tell)
    lost = {name: one.lost for name, one in ready.contenders.items() if one.lost is not None}
    missing = ready.missing | lost
    for name, reason in missing.items():
        tell(f"{name} is missing: {reason}")
    if OURS in missing:
        raise click.ClickException(f"{workload.model}: {missing[OURS]}")
    finished = {name: one for name, one in ready.contenders.items() if name not in lost}
    return facts | {"missing": missing} | measured_contenders(finished, facts["images"])


if __name__ == "__main__":
    command()
