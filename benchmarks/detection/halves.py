"""The two halves of the work, each for a process of its own on its half of the CPUs."""

import os
from pathlib import Path

import torch

from benchmarks.detection.bench import (
    Row,
    faults_around,
    made_bench,
    planted_faults,
    sound_networks,
    with_others,
)
from benchmarks.detection.planted import FAULTS

# Of most families that torchvision has, those that are exported in seconds, not minutes.
SOUND = (
    *("logistic", "mlp", "lenet5", "torchvision:resnet18", "torchvision:resnet34"),
    *("torchvision:alexnet", "torchvision:vgg11", "torchvision:googlenet"),
    *("torchvision:squeezenet1_0", "torchvision:squeezenet1_1"),
    *("torchvision:mnasnet0_5", "torchvision:mnasnet1_0", "torchvision:mobilenet_v2"),
    *("torchvision:mobilenet_v3_small", "torchvision:mobilenet_v3_large"),
    *("torchvision:shufflenet_v2_x0_5", "torchvision:shufflenet_v2_x1_0"),
    *("torchvision:efficientnet_b0", "torchvision:regnet_y_400mf", "torchvision:convnext_tiny"),
)

MODEL, EPOCHS = "resnet18", 4
QUICK_MODEL, QUICK_EPOCHS, QUICK_FAULTS, QUICK_SOUND = "lenet5", 2, 1, ("lenet5",)


def faults_found(folder: Path, python: Path | None, quick: bool) -> list[Row]:
    """Return each fault, and who found it."""
    _take_half(0)
    folder.mkdir()
    model, epochs = (QUICK_MODEL, QUICK_EPOCHS) if quick else (MODEL, EPOCHS)
    bench = made_bench(folder, model=model, epochs=epochs)
    planted = planted_faults(bench, FAULTS[:QUICK_FAULTS] if quick else FAULTS)
    if not quick:
        planted += faults_around(bench)
    return with_others(planted, python)


def alarms_raised(folder: Path, python: Path | None, quick: bool) -> list[Row]:
    """Return each sound network, and who raised an alarm."""
    _take_half(1)
    folder.mkdir()
    return with_others(sound_networks(folder, QUICK_SOUND if quick else SOUND), python)


def _take_half(number: int) -> None:
    """Keep this process and those that it starts to every second CPU, out of the other's way."""
    if not hasattr(os, "sched_setaffinity"):  # no Linux
        return
    cpus = sorted(os.sched_getaffinity(0))
    mine = cpus[number::2] or cpus
    os.sched_setaffinity(0, mine)
    torch.set_num_threads(len(mine))
