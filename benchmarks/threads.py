"""A step of training by the number of threads: the evidence for `trainers.execution.thread_count`.

    python -m benchmarks.threads
    python -m benchmarks.threads --busy 1

Random pixels do: a step takes as long whatever is on the images. The rule asks for so many forward
multiply-adds a thread; what speaks for its constant is how few of them a thread still had where one
count of threads beat the count before it, and how many it had where none did. `--busy` lets other
processes compute meanwhile, as they may on a machine that is shared: a thread that shares its CPU
makes all the others wait.
"""

import contextlib
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from artifacts.environment import usable_cpus
from benchmarks.measuring import RESULTS, load_of_machine, measurement_head, write_measurement
from models import build
from models.cost import multiply_adds
from trainers.execution import MULTIPLY_ADDS_PER_THREAD, thread_count

# Network, side of its images in pixels, batch sizes.
CASES = (
    ("logistic", 28, (8, 32, 128, 512)),
    ("mlp", 28, (8, 32, 64, 128, 512)),
    ("lenet5", 28, (8, 16, 32, 64, 128, 512)),
    ("resnet18", 32, (2, 8, 32)),
)
ROUNDS = 7
SECONDS_A_ROUND = 0.4
GAIN = 0.97  # of the time with fewer threads; what is closer to 1 may be chance


@click.command()
@click.option("--busy", type=click.IntRange(0), default=0, help="Processes that compute beside it.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: threads[-busy].json]")
def command(busy: int, out: Path | None) -> None:
    """Measure steps with 1, 2, 4, ... threads and write their ratios."""
    head = measurement_head() | load_of_machine()
    cpus = usable_cpus()
    counts = sorted({2**power for power in range(cpus.bit_length())} | {cpus})
    with _busy_processes(busy):
        rows = [
            _row(model, side, batch_size, counts)
            for model, side, batch_sizes in CASES
            for batch_size in batch_sizes
        ]
    found = evidence(rows)
    out = out or RESULTS / ("threads-busy.json" if busy else "threads.json")
    document = head | {
        "busy_processes": busy,
        "multiply_adds_per_thread": MULTIPLY_ADDS_PER_THREAD,
        "evidence": found,
        "rows": rows,
    }
    write_measurement(out, document)
    for row in rows:
        times = "  ".join(
            f"{count}: {step['median_ms']:.3f} ms" for count, step in row["threads"].items()
        )
        click.echo(
            f"{row['model']:<9} batch {row['batch_size']:<4}"
            f" {row['multiply_adds'] / 1e6:8.1f} M multiply-adds  {times}"
            f"  fastest {row['fastest']}, rule {row['rule']}"
        )
    for name, comparison in found.items():
        click.echo(f"{name.replace('_', ' ')}: {_in_words(comparison)}")
    click.echo(f"the rule asks for {MULTIPLY_ADDS_PER_THREAD / 1e6:.1f} M multiply-adds a thread")


@contextlib.contextmanager
def _busy_processes(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def evidence(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Return the least multiply-adds a thread that gained by more threads, and the most without.

    Where the first is more than the second, any constant between them agrees with all rows. Within
    a round both counts run one after the other, so that the median of their ratios decides.
    """
    comparisons = [
        {
            "model": row["model"],
            "batch_size": row["batch_size"],
            "threads": [int(fewer), int(more)],
            "multiply_adds_per_thread": row["multiply_adds"] // int(more),
            "time_ratio": round(_ratio(row["threads"][more]["ms"], row["threads"][fewer]["ms"]), 3),
        }
        for row in rows
        for fewer, more in itertools.pairwise(row["threads"])
    ]
    gained = [found for found in comparisons if found["time_ratio"] < GAIN]
    others = [found for found in comparisons if found["time_ratio"] >= GAIN]
    return {
        "least_that_gained": min(gained, key=_work_per_thread, default=None),
        "most_that_did_not": max(others, key=_work_per_thread, default=None),
    }


def _work_per_thread(comparison: dict[str, Any]) -> int:
    return int(comparison["multiply_adds_per_thread"])


def _ratio(milliseconds: list[float], others: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(milliseconds, others, strict=True))


def _in_words(comparison: dict[str, Any] | None) -> str:
    if comparison is None:
        return "none"
    fewer, more = comparison["threads"]
    return (
        f"{comparison['multiply_adds_per_thread'] / 1e6:.2f} M multiply-adds a thread"
        f" ({comparison['model']}, batch {comparison['batch_size']}, {more} threads took"
        f" {comparison['time_ratio']:.2f} of the time of {fewer})"
    )


def _row(model: str, side: int, batch_size: int, counts: list[int]) -> dict[str, Any]:
    click.echo(f"{model}, batch {batch_size}", err=True)
    network = build(model, num_classes=10, in_channels=1, image_size=(side, side))
    work = batch_size * multiply_adds(network, (1, side, side))
    step = _step(network.network.to(memory_format=torch.channels_last), batch_size, side)
    samples: dict[int, list[float]] = {count: [] for count in counts}
    for round_number in range(ROUNDS + 1):
        for count in counts[:: 1 if round_number % 2 else -1]:
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


def _step(network: nn.Module, batch_size: int, side: int) -> Callable[[], None]:
    images = torch.randn(batch_size, 1, side, side)
    labels = torch.randint(0, 10, (batch_size,))
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, 0.9, fused=True)

    def step() -> None:
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _milliseconds(step: Callable[[], None]) -> float:
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS_A_ROUND or done < 3:
        step()
        done += 1
    return 1000 * passed / done


if __name__ == "__main__":
    command()
