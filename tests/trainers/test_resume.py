"""Stopping at any moment and going on gives the bits of a training that was never stopped."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Training
from commands.main import main
from models import build
from models.classifier import Classifier
from tests.trainers.runs import (
    LONG,
    arguments,
    differences,
    stop_at,
    train,
)
from trainers.checkpoints import load_resume_state


@pytest.mark.parametrize(
    ("model", "options", "epoch", "batch"),
    [
        ("mlp", LONG, 3, 7),
        ("mlp", LONG, 1, 1),
        ("mlp", LONG, 6, 23),
        ("lenet5", LONG, 2, 11),
        ("mlp", (*LONG, "--optimizer", "adam", "--weight-averaging", "0.9"), 2, 22),
        ("mlp", (*LONG, "--early-stopping", "2"), 2, 3),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_training_stopped_between_two_steps_ends_with_the_same_bits(
    model: str,
    options: tuple[str, ...],
    epoch: int,
    batch: int,
    number: signal.Signals,
    uninterrupted: Callable[..., RunDirectory],
    tiny_npz: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = RunDirectory(folder / "run")
    with monkeypatch.context() as patch:
        stop_at(batch, epoch, patch, number)
        assert train(tiny_npz, run.root, *options, model=model) == 128 + number
    assert "hint: the same command with --resume goes on" in capsys.readouterr().err
    state = load_resume_state(run.resume)
    assert (state.epoch, state.batches) == (epoch, batch)
    assert not run.training.exists()
    assert train(tiny_npz, run.root, *options, "--resume", model=model) == 0
    assert differences(run, uninterrupted(*options, model=model)) == []


def test_finished_training_stays_the_same_when_it_is_resumed(
    uninterrupted: Callable[..., RunDirectory], tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    assert train(tiny_npz, run.root, *LONG) == 0
    assert train(tiny_npz, run.root, *LONG, "--resume") == 0
    assert differences(run, uninterrupted(*LONG)) == []


@pytest.mark.parametrize("restored", [True, False])
def test_dropout_goes_on_with_the_numbers_it_would_have_drawn(
    restored: bool, tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_dropout(*names: object, **sizes: object) -> Classifier:
        classifier = build(*names, **sizes)  # type: ignore[arg-type]
        classifier.network = nn.Sequential(nn.Dropout(0.3), classifier.network)
        return classifier

    monkeypatch.setattr("trainers.progress.build", with_dropout)
    whole, stopped = RunDirectory(folder / "whole"), RunDirectory(folder / "stopped")
    assert train(tiny_npz, whole.root, *LONG) == 0
    with monkeypatch.context() as patch:
        stop_at(5, 2, patch, signal.SIGTERM)
        assert train(tiny_npz, stopped.root, *LONG) == 143
    if not restored:
        monkeypatch.setattr("torch.set_rng_state", lambda _state: None)
    assert train(tiny_npz, stopped.root, *LONG, "--resume") == 0
    assert ("weights.safetensors" not in differences(stopped, whole)) == restored


def test_threads_are_those_that_the_training_began_with(
    tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, earlier = RunDirectory(folder / "run"), torch.get_num_threads()
    words = arguments(tiny_npz, run.root, *LONG)
    at = words.index("--threads") + 1
    with monkeypatch.context() as patch:
        stop_at(5, 2, patch, signal.SIGTERM)
        assert main([*words[:at], "2", *words[at + 1 :]]) == 143
    torch.set_num_threads(1)
    assert main([*words[: at - 1], *words[at + 1 :], "--resume"]) == 0
    assert torch.get_num_threads() == 2
    torch.set_num_threads(earlier)
    assert read_record(run.training, Training).threads == 2


def test_difference_is_seen_between_trainings_of_two_seeds(
    uninterrupted: Callable[..., RunDirectory],
) -> None:
    found = differences(uninterrupted(*LONG), uninterrupted(*LONG, "--seed", "1"))
    assert {"weights.safetensors", "history", "weights", "optimizer", "random"} <= set(found)


def test_second_signal_does_not_wait_for_the_step(
    tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_batch(_self: object, _done: int, _total: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second signal was waited for")

    monkeypatch.setattr("commands.progress.TrainingProgress.on_batch", on_batch)
    assert train(tiny_npz, folder / "run") == 130


def test_long_epoch_is_saved_before_its_end(
    tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.train.SAVE_EVERY_SECONDS", 0.0)
    run, positions = RunDirectory(folder / "run"), set[tuple[int, int]]()

    def on_batch(_self: object, _done: int, _total: int) -> None:
        if run.resume.is_file():
            state = load_resume_state(run.resume)
            positions.add((state.epoch, state.batches))

    monkeypatch.setattr("commands.progress.TrainingProgress.on_batch", on_batch)
    assert train(tiny_npz, run.root, "--batch-size", "60", epochs=2) == 0
    assert positions == {(1, 1), (1, 2), (2, 0), (2, 1), (2, 2)}
