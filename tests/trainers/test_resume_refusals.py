"""What cannot be resumed is refused, with the reason, and stays as it is."""

import dataclasses
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from artifacts.run_directory import RunDirectory
from errors import ArtifactError
from tests.trainers.runs import LONG, stop_at, train
from trainers.checkpoints import ResumeState, load_resume_state
from trainers.sealed_archive import is_sealed, seal

Content = dict[str, Any]


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


def write_state(path: Path, content: dict[str, object]) -> None:
    """As a training does, so that only what is in it is wrong."""
    torch.save(content, path)
    seal(path)


@pytest.mark.parametrize("part", [field.name for field in dataclasses.fields(ResumeState)])
def test_resume_is_refused_when_a_part_of_the_state_is_missing(
    part: str, stopped: RunDirectory, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(stopped.resume, weights_only=True)
    del content[part]
    write_state(stopped.resume, content)
    assert train(tiny_npz, stopped.root, *LONG, "--resume") == 4
    assert "is not a whole resume state" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("batches", 24),
        ("correct", torch.tensor(10**6)),
        ("correct", torch.tensor(3.0)),
        ("best_correct", -1),
        ("best_epoch", 4),
        ("loss_sums", torch.full((23,), torch.nan)),
        ("loss_sums", torch.zeros(1).expand(23)),
        ("random", {"cpu": torch.zeros(5056)}),
        ("best_weights", {}),
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
    write_state(stopped.resume, torch.load(stopped.resume, weights_only=True) | {part: value})
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


def spoil_weight(content: Content) -> None:
    content["weights"]["network.1.bias"][3] = torch.nan


def halve_best_weights(content: Content) -> None:
    weights = content["best_weights"]
    weights["network.1.weight"] = weights["network.1.weight"].half()


def cut_momentum(content: Content) -> None:
    content["optimizer"]["state"][0]["momentum_buffer"] = torch.zeros(1)


def change_momentum(content: Content) -> None:
    content["optimizer"]["param_groups"][0]["momentum"] = 0.5


def forget_momentum(content: Content) -> None:
    del content["optimizer"]["state"][1]["momentum_buffer"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (spoil_weight, "weights: tensor network.1.bias: holds numbers that are not finite"),
        (halve_best_weights, "best weights: tensor network.1.weight: wanted float32 [128, 64], f"),
        (cut_momentum, "optimizer, parameter 0: tensor momentum_buffer: wanted float32 [128, 64]"),
        (change_momentum, "optimizer: its settings are others"),
        (forget_momentum, "optimizer, parameter 1: tensor momentum_buffer: wanted float32 [128]"),
    ],
)
def test_tensor_that_torch_would_take_is_refused_by_name(
    change: Callable[[Content], None],
    told: str,
    stopped: RunDirectory,
    tiny_npz: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = torch.load(stopped.resume, weights_only=True)
    change(content)
    write_state(stopped.resume, content)
    assert train(tiny_npz, stopped.root, *LONG, "--resume") == 4
    assert f"does not fit its own recipe: {told}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("threads", 0),
        ("threads", 10**9),
        ("threads", True),
        ("seconds", float("nan")),
        ("epoch", "3"),
    ],
)
def test_number_out_of_range_is_refused(part: str, value: object, stopped: RunDirectory) -> None:
    content = torch.load(stopped.resume, weights_only=True)
    write_state(stopped.resume, content | {part: value})
    with pytest.raises(ArtifactError, match="is not a whole resume state"):
        load_resume_state(stopped.resume)


def test_state_that_would_run_code_is_refused_and_nothing_ran(folder: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.system, (f"touch '{folder}/ran'",))

    write_state(folder / "resume.pt", {"weights": Evil()})
    assert is_sealed(folder / "resume.pt")
    with pytest.raises(ArtifactError, match="is not a whole resume state") as caught:
        load_resume_state(folder / "resume.pt")
    assert "weights_only" not in f"{caught.value} {caught.value.hint}"
    assert not (folder / "ran").exists()
    torch.load(folder / "resume.pt", weights_only=False)  # it is what it claims to be
    assert (folder / "ran").exists()


def test_named_pipe_in_the_place_of_the_state_does_not_hang(folder: Path) -> None:
    os.mkfifo(folder / "resume.pt")
    with pytest.raises(ArtifactError, match="is a named pipe"):
        load_resume_state(folder / "resume.pt")
