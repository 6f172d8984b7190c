"""A step of training by the number of threads: the evidence for `trainers.execution.thread_count`.

    python -m benchmarks.threads

Random pixels do: a step takes as long whatever is on the images.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from artifacts.environment import usable_cpus
from artifacts.files import write_bytes
from benchmarks.measuring import RESULTS, measurement_head
from models import build
from trainers.execution import MULTIPLY_ADDS_PER_THREAD, multiply_adds, thread_count

# Network, side of its images in pixels, batch sizes.
CASES = (
    ("logistic", 28, (32, 512)),
    ("mlp", 28, (8, 32, 64, 128, 512)),
    ("lenet5", 28, (8, 16, 32, 64, 128)),
    ("resnet18", 32, (2, 8)),
)
ROUNDS = 7
SECONDS_A_ROUND = 0.4


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "threads.json")
def command(out: Path) -> None:
    """Measure steps with 1, 2, 4, ... threads and write their ratios."""
    head = measurement_head()
    counts = [2**power for power in range(usable_cpus().bit_length()) if 2**power <= usable_cpus()]
    rows = [
        _row(model, side, batch_size, counts)
        for model, side, batch_sizes in CASES
        for batch_size in batch_sizes
    ]
    document = head | {"multiply_adds_per_thread": MULTIPLY_ADDS_PER_THREAD, "rows": rows}
    write_bytes(out, (json.dumps(document, indent=2) + "\n").encode())
    for row in rows:
        times = "  ".join(
            f"{count}: {step['median_ms']:.3f} ms" for count, step in row["threads"].items()
        )
        click.echo(
            f"{row['model']:<9} batch {row['batch_size']:<4}"
            f" {row['multiply_adds'] / 1e6:8.1f} M multiply-adds  {times}"
            f"  fastest {row['fastest']}, rule {row['rule']}"
        )


def _row(model: str, side: int, batch_size: int, counts: list[int]) -> dict[str, Any]:
    network = build(model, num_classes=10, in_channels=1, image_size=(side, side))
    work = batch_size * multiply_adds(network, (1, side, side))
    step = _step(network.network.to(memory_format=torch.channels_last), batch_size, side)
    samples: dict[int, list[float]] = {count: [] for count in counts}
    for round_number in range(ROUNDS + 1):
        for count in counts:
            torch.set_num_threads(count)
            milliseconds = _milliseconds(step)
            if round_number:  # the first one warms up
                samples[count].append(milliseconds)
    medians = {count: statistics.median(taken) for count, taken in samples.items()}
    return {
        "model": model,
        "batch_size": batch_size,
        "multiply_adds": work,
        "threads": {
            str(count): {
                "median_ms": round(medians[count], 4),
                "ms": [round(value, 4) for value in samples[count]],
            }
            for count in counts
        },
        "fastest": min(medians, key=medians.__getitem__),
        "rule": thread_count(work, usable_cpus()),
    }


def _step(network: nn.Module, batch_size: int, side: int) -> Any:
    images = torch.randn(batch_size, 1, side, side)
    labels = torch.randint(0, 10, (batch_size,))
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, 0.9, fused=True)

    def step() -> None:
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _milliseconds(step: Any) -> float:
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS_A_ROUND or done < 3:
        step()
        done += 1
    return 1000 * passed / done


if __name__ == "__main__":
    command()
