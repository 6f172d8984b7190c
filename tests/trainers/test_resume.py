"""Stopping at any moment and going on gives the bits of a training that was never stopped."""

import dataclasses
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from artifacts.run_directory import RunDirectory
from tests.trainers.runs import CLI, arguments, differences, started, train
from trainers.checkpoints import ResumeState, load_resume_state

LONG = ("--batch-size", "8")  # 23 steps an epoch
LONG_EPOCHS = 150
# Writes half of the fifth checkpoint, then dies as by `kill -9`.
DIES_WHILE_WRITING = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import torch, trainers.checkpoints
from commands.main import main
whole, calls = torch.save, []
def save(content, path):
    whole(content, path)
    calls.append(path)
    if len(calls) == 5:
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
trainers.checkpoints.torch.save = save
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def uninterrupted(
    tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., RunDirectory]]:
    """A training of these options that was never stopped."""
    root = tmp_path_factory.mktemp("uninterrupted")

    def finished(*options: str, model: str = "mlp", epochs: int = 6) -> RunDirectory:
        run = RunDirectory(root / "-".join([model, str(epochs), *options]).replace("/", "_"))
        if not run.training.is_file():
            assert train(tiny_npz, run.root, *options, model=model, epochs=epochs) == 0
        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield finished


def stop_at(
    batch: int, epoch: int, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Let the signal come after a batch of an epoch."""
    seen = [0]

    def on_batch(_self: object, done: int, total: int) -> None:
        seen[0] += 1
        if seen[0] == (epoch - 1) * total + batch:
            signal.raise_signal(number)

    monkeypatch.setattr("commands.console.TrainingProgress.on_batch", on_batch)


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


def test_processes_killed_at_random_moments_end_with_the_same_bits(
    uninterrupted: Callable[..., RunDirectory], tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    moments = random.Random(3)
    stops = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
    for number in stops:
        resume = ("--resume",) if run.resume.is_file() else ()
        before = run.resume.stat().st_mtime_ns if resume else None
        child = started(arguments(tiny_npz, run.root, *LONG, *resume, epochs=LONG_EPOCHS), folder)
        while child.poll() is None and (
            not run.resume.is_file() or run.resume.stat().st_mtime_ns == before
        ):
            time.sleep(0.005)  # it has begun, or gone on, when it has saved once
        time.sleep(moments.uniform(0, 0.3))
        child.send_signal(number)
        _, errors = child.communicate(timeout=60)
        wanted = -number if number == signal.SIGKILL else 128 + number
        assert child.returncode == wanted, errors
        assert load_resume_state(run.resume).epoch <= LONG_EPOCHS
    last = started(arguments(tiny_npz, run.root, *LONG, "--resume", epochs=LONG_EPOCHS), folder)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert differences(run, uninterrupted(*LONG, epochs=LONG_EPOCHS)) == []


def test_process_killed_while_it_writes_a_checkpoint_can_go_on(
    uninterrupted: Callable[..., RunDirectory], tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    script = [sys.executable, "-c", DIES_WHILE_WRITING, str(CLI.parent)]
    words = arguments(tiny_npz, run.root, *LONG)
    killed = subprocess.run([*script, *words], cwd=folder, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load_resume_state(run.resume).epoch == 5  # four are saved whole
    assert train(tiny_npz, run.root, *LONG, "--resume") == 0
    assert differences(run, uninterrupted(*LONG)) == []


def test_difference_is_seen_between_trainings_of_two_seeds(
    uninterrupted: Callable[..., RunDirectory],
) -> None:
    found = differences(uninterrupted(*LONG), uninterrupted(*LONG, "--seed", "1"))
    assert {"weights.safetensors", "history", "weights", "optimizer", "random"} <= set(found)


@pytest.fixture
def stopped(tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A training that was stopped in its third epoch."""
    with monkeypatch.context() as patch:
        stop_at(4, 3, patch, signal.SIGTERM)
        assert train(tiny_npz, folder / "run", *LONG) == 143
    return RunDirectory(folder / "run")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", "3"], "seed 0, not 3"),
        (["--batch-size", "16"], "batch_size 8, not 16"),
        (["--optimizer", "adam"], "optimizer sgd, not adam"),
        (["--lr", "0.5"], "lr 0.05, not 0.5"),
        (["--no-augmentation"], "augmentation"),
        (["--loss", "mse"], "loss cross-entropy, not mse"),
        (["--model", "lenet5"], "model mlp, not lenet5"),
        (["--epochs", "9"], "epochs 6, not 9"),
        (["--dataset", "digits"], "dataset tiny ("),
    ],
)
def test_resume_is_refused_when_what_was_begun_differs(
    options: list[str],
    named: str,
    stopped: RunDirectory,
    tiny_npz: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = stopped.resume.read_bytes()
    assert train(tiny_npz, stopped.root, *LONG, "--resume", *options) == 2
    assert named in capsys.readouterr().err
    assert stopped.resume.read_bytes() == before


@pytest.mark.parametrize("part", [field.name for field in dataclasses.fields(ResumeState)])
def test_resume_is_refused_when_a_part_of_the_state_is_missing(
    part: str, stopped: RunDirectory, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(stopped.resume, weights_only=True)
    del content[part]
    torch.save(content, stopped.resume)
    assert train(tiny_npz, stopped.root, *LONG, "--resume") == 4
    assert "is not a whole resume state" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("batches", 24),
        ("batches", -1),
        ("epoch", 5),
        ("optimizer", {}),
        ("weights", {}),
        ("random", {}),
        ("loss_sums", torch.zeros(3)),
        ("history_jsonl", "no epoch\n"),
        ("recipe_json", "{}"),
    ],
)
def test_resume_is_refused_when_the_parts_do_not_fit_each_other(
    part: str,
    value: object,
    stopped: RunDirectory,
    tiny_npz: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.save(torch.load(stopped.resume, weights_only=True) | {part: value}, stopped.resume)
    assert train(tiny_npz, stopped.root, *LONG, "--resume") == 4
    assert "does not fit its own recipe" in capsys.readouterr().err


def test_resume_is_refused_when_the_file_is_missing_or_damaged(
    stopped: RunDirectory, tiny_npz: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tiny_npz, folder / "other", "--resume") == 4
    assert "nothing to resume" in capsys.readouterr().err
    whole = stopped.resume.read_bytes()
    tensor = load_resume_state(stopped.resume).weights["network.1.weight"].numpy().tobytes()
    flipped = bytearray(whole)
    flipped[whole.rindex(tensor) + 1000] ^= 64
    for content in (whole[:-100], bytes(flipped), b""):
        stopped.resume.write_bytes(content)
        assert train(tiny_npz, stopped.root, *LONG, "--resume") == 4
        errors = capsys.readouterr().err
        assert "is not a whole resume state" in errors
        assert "weights_only" not in errors


def test_second_signal_does_not_wait_for_the_step(
    tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_batch(_self: object, _done: int, _total: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second signal was waited for")

    monkeypatch.setattr("commands.console.TrainingProgress.on_batch", on_batch)
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

    monkeypatch.setattr("commands.console.TrainingProgress.on_batch", on_batch)
    assert train(tiny_npz, run.root, "--batch-size", "60", epochs=2) == 0
    assert positions == {(1, 1), (1, 2), (2, 0), (2, 1), (2, 2)}
