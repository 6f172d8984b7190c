"""What cannot be resumed is refused, with the reason, and stays as it is."""

import dataclasses
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from artifacts.run_directory import RunDirectory
from tests.trainers.runs import LONG, stop_at, train
from trainers.checkpoints import ResumeState, load_resume_state


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
        (["--val-split", "0.2"], "val_split 0.1, not 0.2"),
        (["--subset", "0.9"], "subset 1.0, not 0.9"),
        (["--recipe", "assignment"], "recipe best, not assignment"),
        (["--weight-averaging", "0.9"], "weight_averaging 0.0, not 0.9"),
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


def test_resume_is_refused_when_one_pixel_of_the_dataset_changed(
    stopped: RunDirectory, tiny_npz: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(tiny_npz) as archive:
        arrays = dict(archive)
    arrays["train_images"][7, 0, 3, 3] ^= 1
    np.savez(folder / "tiny.npz", **arrays)
    assert train(folder / "tiny.npz", stopped.root, *LONG, "--resume") == 2
    assert re.search(r"dataset tiny \(\w{12}\), not tiny \(\w{12}\)", capsys.readouterr().err)


def test_resume_goes_on_when_the_dataset_was_moved(
    stopped: RunDirectory, tiny_npz: Path, folder: Path
) -> None:
    shutil.copy(tiny_npz, folder / "tiny.npz")
    assert train(folder / "tiny.npz", stopped.root, *LONG, "--resume") == 0


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
