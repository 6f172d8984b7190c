"""What share of this machine's limit inference and training reach, by network and batch size.

    python -m benchmarks.limit

The limit is the roofline model's: the best large product of matrices and the best copy that torch,
numpy or ONNX Runtime make here. Random weights and random pixels do: a call takes as long whatever
is in them. A step of training counts as three times the forward pass, as is usual, in multiply-adds
and in bytes; to which Adam adds 28 bytes a parameter (it reads the gradient, and reads and writes
the weight and its two moments).
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn

from artifacts.choices import DEFAULT_OPSET
from artifacts.environment import usable_cpus
from artifacts.limit_records import MachineLimit
from artifacts.training_records import ModelSpec
from benchmarks.measuring import RESULTS, load_of_machine, measurement_head, write_measurement
from benchmarks.peaks import Peaks
from evaluate.counted_work import Work, work_of
from evaluate.idle_threads import wait_for_idle_threads
from evaluate.onnx_runtime import OnnxRunner
from export.graph import traced_program
from models import build
from models.classifier import Classifier
from models.cost import multiply_adds, parameter_count

INFERENCE, TRAINING = "inference", "training"
CLASSES = 10
FORWARDS_A_STEP = 3
ADAM_BYTES = 28  # a parameter
LEAST_CALLS, LEAST_SECONDS, MOST_SECONDS = 5, 0.5, 4.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, its images, and the batch sizes that are timed."""

    network: str
    image_shape: tuple[int, int, int]
    inference: tuple[int, ...] = (1, 32, 256)
    training: tuple[int, ...] = (32, 128, 256)


CASES = (
    Case(network="mlp", image_shape=(1, 28, 28)),
    Case(network="lenet5", image_shape=(1, 28, 28)),
    Case(network="resnet18", image_shape=(1, 32, 32)),
    Case(network="resnet50", image_shape=(3, 224, 224), inference=(1, 32), training=()),
)
QUICK = (
    Case(network="mlp", image_shape=(1, 28, 28), inference=(1, 32), training=(32,)),
    Case(network="lenet5", image_shape=(1, 28, 28), inference=(1, 32), training=(32,)),
    Case(network="resnet18", image_shape=(1, 32, 32), inference=(1,), training=()),
)


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What was timed, and what it has to do."""

    what: str
    batch_size: int
    work: Work
    call: Callable[[], object]


@click.command()
@click.option("--data-dir", hidden=True, help="Not needed: random pixels do.")
@click.option("--quick", is_flag=True, help="Fewer networks and batch sizes, each timed briefly.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "limit.json")
def command(data_dir: str | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    del data_dir
    head = measurement_head() | load_of_machine()
    torch.set_num_threads(usable_cpus())
    peaks = Peaks()
    timings: list[tuple[Case, Timed, list[float]]] = []
    for case in QUICK if quick else CASES:
        click.echo(f"{case.network}: the machine's limit, once more", err=True)
        peaks.measure()
        for timed in timed_work(case):
            click.echo(f"{case.network}: {timed.what} at batch {timed.batch_size}", err=True)
            seconds = _seconds(timed.call, least_seconds=0.0 if quick else LEAST_SECONDS)
            timings.append((case, timed, seconds))
    peaks.measure()
    limit = peaks.limit()
    found = {
        "threads": limit.threads,
        "peaks": peaks.summary(),
        "limit": limit.to_dict(),
        "rows": [row_of(case, timed, seconds, limit) for case, timed, seconds in timings],
    }
    write_measurement(out, head | found)


def timed_work(case: Case) -> Iterator[Timed]:
    """Yield what is timed of a network, each made when its turn comes."""
    channels, height, width = case.image_shape
    classifier = build(
        case.network, num_classes=CLASSES, in_channels=channels, image_size=(height, width)
    )
    spec = ModelSpec(
        name=case.network,
        num_classes=CLASSES,
        in_channels=channels,
        image_size=(height, width),
    )
    model = traced_program(classifier, spec, opset=DEFAULT_OPSET, probabilities=False).model_proto
    runner = OnnxRunner(model.SerializeToString())
    for batch_size in case.inference:
        images = _images(batch_size, case)
        work = work_of(model, images.shape)
        yield Timed(
            what=INFERENCE,
            batch_size=batch_size,
            work=work,
            call=lambda images=images: runner.run(images),  # type: ignore[misc]
        )
    for batch_size in case.training:
        work = work_of(model, (batch_size, *case.image_shape))
        assert work.multiply_adds == batch_size * multiply_adds(classifier, case.image_shape)
        yield Timed(
            what=TRAINING,
            batch_size=batch_size,
            work=Work(
                multiply_adds=FORWARDS_A_STEP * work.multiply_adds,
                moved_bytes=FORWARDS_A_STEP * work.moved_bytes
                + ADAM_BYTES * parameter_count(classifier),
            ),
            call=_training_step(classifier, _images(batch_size, case)),
        )


def row_of(case: Case, timed: Timed, seconds: list[float], limit: MachineLimit) -> dict[str, Any]:
    """Return a row of the table: the median call beside the limit."""
    median = statistics.median(seconds)
    share = limit.share(
        multiply_adds=timed.work.multiply_adds,
        moved_bytes=timed.work.moved_bytes,
        seconds=median,
    )
    return {
        "network": case.network,
        "image_shape": case.image_shape,
        "what": timed.what,
        "batch_size": timed.batch_size,
        "calls": len(seconds),
        "median_ms": round(1000 * median, 4),
        "least_ms": round(1000 * min(seconds), 4),
        "most_ms": round(1000 * max(seconds), 4),
        **share.to_dict(),
    }


def _images(batch_size: int, case: Case) -> np.ndarray[Any, np.dtype[np.uint8]]:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (batch_size, *case.image_shape), dtype=np.uint8)


def _training_step(
    classifier: Classifier, pixels: np.ndarray[Any, np.dtype[np.uint8]]
) -> Callable[[], None]:
    """Return a step as `train` takes it: channels last, Adam in one fused operation."""
    network = classifier.to(memory_format=torch.channels_last).train()
    images = torch.from_numpy(pixels)
    labels = torch.arange(len(pixels)) % CLASSES
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)

    def step() -> None:
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _seconds(call: Callable[[], object], *, least_seconds: float) -> list[float]:
    """Return the seconds of each call, once it has warmed up; few of a call that takes long."""
    wait_for_idle_threads()
    call()
    call()
    seconds: list[float] = []
    while (len(seconds) < LEAST_CALLS or sum(seconds) < least_seconds) and (
        sum(seconds) < MOST_SECONDS
    ):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    command()
