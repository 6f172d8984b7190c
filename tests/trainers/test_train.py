import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from artifacts.files import sha256_of_file
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Epoch, Training
from tests.trainers.runs import train
from trainers.checkpoints import load_resume_state


class Stop(BaseException):
    """Stands for a signal at the end of an epoch."""


def train_until(
    epoch: int, npz: Path, run: Path, monkeypatch: pytest.MonkeyPatch, model: str = "mlp"
) -> None:
    def stop(_self: object, finished: Epoch, _epochs: int) -> None:
        if finished.epoch == epoch:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("commands.progress.TrainingProgress.on_epoch", stop)
        with pytest.raises(Stop):
            train(npz, run, model=model)


def test_old_training_stays_whole_when_the_new_one_cannot_be_written(
    finished_run: Path, tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, folder / "run")
    before = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}

    def full_disk(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.weights.save_file", full_disk)
    assert train(tiny_npz, folder / "run", "--seed", "9", epochs=1) == 5
    after = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"resume.pt"}
    assert set(after) == set(before)


def test_best_weights_are_those_of_the_best_validation_epoch(tiny_npz: Path, folder: Path) -> None:
    run = RunDirectory(folder / "run")
    assert train(tiny_npz, run.root) == 0
    record = read_record(run.training, Training)
    history = [Epoch.model_validate_json(line) for line in run.history.read_text().splitlines()]
    best = max(history, key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss))
    assert (record.best_epoch, record.val_accuracy) == (best.epoch, best.val_accuracy)
    assert record.checkpoint_sha256 == sha256_of_file(run.weights)
    saved, state = load_file(run.weights), load_resume_state(run.resume)
    assert all(torch.equal(tensor, state.best_weights[name]) for name, tensor in saved.items())


def test_finished_run_stays_whole_while_it_is_trained_again(
    finished_run: Path, tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, folder / "run")
    before = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}
    train_until(2, tiny_npz, folder / "run", monkeypatch)
    after = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"resume.pt"}


def test_seed_decides_the_weights(tiny_npz: Path, folder: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert train(tiny_npz, folder / name, "--seed", seed, epochs=2) == 0
    hashes = [sha256_of_file(folder / name / "weights.safetensors") for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
