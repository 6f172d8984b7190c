"""Trainings on tiny data, in this process and in others, and what two of them have in common."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from artifacts.files import sha256_of_file
from artifacts.run_directory import RunDirectory
from commands.main import main
from trainers.checkpoints import load_resume_state

LONG = ("--batch-size", "8")  # 23 steps an epoch of the tiny dataset
CLI = Path(__file__).parents[2] / "cli.py"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def arguments(
    npz: Path, run: Path, *options: str, model: str = "mlp", epochs: int = 6
) -> list[str]:
    fixed = ["--dataset", str(npz), "--run", str(run), "--model", model, "--epochs", str(epochs)]
    return ["train", *fixed, "--threads", "1", *options]


def train(npz: Path, run: Path, *options: str, model: str = "mlp", epochs: int = 6) -> int:
    return main(arguments(npz, run, *options, model=model, epochs=epochs))


def started(
    words: list[str], folder: Path, *, starter: tuple[str, ...] = (sys.executable,)
) -> subprocess.Popen[str]:
    # A core each would be one too many for some of the machines that run these tests.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*starter, str(CLI), *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_at(
    batch: int, epoch: int, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Let the signal come after a batch of an epoch."""
    seen = [0]

    def on_batch(_self: object, done: int, total: int) -> None:
        seen[0] += 1
        if seen[0] == (epoch - 1) * total + batch:
            signal.raise_signal(number)

    monkeypatch.setattr("commands.progress.TrainingProgress.on_batch", on_batch)


def history(run: RunDirectory) -> list[dict[str, Any]]:
    """The epochs, without what depends on the clock."""
    epochs = [json.loads(line) for line in run.history.read_text().splitlines()]
    clock = ("seconds", "images_per_second")
    return [{key: epoch[key] for key in epoch if key not in clock} for epoch in epochs]


def differences(one: RunDirectory, other: RunDirectory) -> list[str]:
    """Names of what is not the same in two finished trainings, to the last bit."""
    states = [load_resume_state(run.resume) for run in (one, other)]
    found = {
        "weights.safetensors": sha256_of_file(one.weights) == sha256_of_file(other.weights),
        "recipe.json": one.recipe.read_bytes() == other.recipe.read_bytes(),
        "history": history(one) == history(other),
    }
    for name in vars(states[0]):
        if name not in ("history_jsonl", "seconds"):
            found[name] = same(*(vars(state)[name] for state in states))
    return [name for name, is_same in found.items() if not is_same]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
