"""Trainings that begin with weights that were trained before."""

import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Recipe
from tests.trainers.runs import LONG, stop_at, train

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def trained(tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert train(tiny_npz, tmp_path / "first", epochs=2) == 0
    return tmp_path / "first" / "weights.safetensors"


def test_training_goes_on_from_the_weights_and_their_normalization(
    trained: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    options = ["--weights", str(trained), "--lr", "1e-12", "--optimizer", "sgd"]
    assert train(tiny_npz, tmp_path / "second", *options, epochs=1) == 0
    before, after = load_file(trained), load_file(tmp_path / "second" / "weights.safetensors")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=1e-6, atol=1e-8)
    recipe = read_record(RunDirectory(tmp_path / "second").recipe, Recipe)
    assert recipe.mean == pytest.approx(tuple(before["mean"].flatten().tolist()))


def test_training_of_weights_from_elsewhere_is_resumed_bit_for_bit(
    trained: Path, tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--weights", str(trained), *LONG]
    assert train(tiny_npz, tmp_path / "whole", *options, epochs=3) == 0
    with monkeypatch.context() as patch:
        stop_at(4, 2, patch, signal.SIGTERM)
        assert train(tiny_npz, tmp_path / "parts", *options, epochs=3) == 143
    assert train(tiny_npz, tmp_path / "parts", *options, "--resume", epochs=3) == 0
    whole, parts = (load_file(tmp_path / n / "weights.safetensors") for n in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_resuming_with_other_weights_is_refused(
    trained: Path, tiny_npz: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "second"
    assert train(tiny_npz, run, "--weights", str(trained), epochs=1) == 0
    other = tmp_path / "other.pt"
    torch.save({name: t + 1 for name, t in load_file(trained).items()}, other)
    capsys.readouterr()
    assert train(tiny_npz, run, "--weights", str(other), "--resume", epochs=1) == 2
    assert "was begun with initial weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told", "code"),
    [
        (["--weights", "none.pt"], "none.pt: no such file", 4),
        (
            ["--weights", "first/weights.safetensors", "--pretrained"],
            "--weights: cannot be given",
            2,
        ),
        (["--pretrained"], "--pretrained: mlp is not a library's", 2),
    ],
)
def test_weights_that_cannot_be_had_are_told(
    options: list[str],
    told: str,
    code: int,
    trained: Path,
    tiny_npz: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    assert train(tiny_npz, tmp_path / "second", *options, epochs=1) == code
    assert f"error: {told}" in capsys.readouterr().err
    assert not (tmp_path / "second").exists()


def test_weights_of_another_network_are_refused_by_the_tensor(
    trained: Path, tiny_npz: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "second"
    assert train(tiny_npz, run, "--weights", str(trained), model="logistic", epochs=1) == 4
    assert "weights.safetensors: tensor" in capsys.readouterr().err
