import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from artifacts.files import sha256_of_file
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Epoch, Training
from commands.main import main
from trainers.checkpoints import load_resume_state


class Stop(BaseException):
    """Stands for a signal at the end of an epoch."""


def train(npz: Path, run: Path, *options: str, model: str = "mlp", epochs: int = 6) -> int:
    fixed = ["--dataset", str(npz), "--run", str(run), "--model", model, "--epochs", str(epochs)]
    return main(["train", *fixed, *options])


def train_until(
    epoch: int, npz: Path, run: Path, monkeypatch: pytest.MonkeyPatch, model: str = "mlp"
) -> None:
    def stop(_self: object, finished: Epoch, _epochs: int) -> None:
        if finished.epoch == epoch:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("commands.console.TrainingProgress.on_epoch", stop)
        with pytest.raises(Stop):
            train(npz, run, model=model)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("model", ["mlp", "lenet5"])
def test_resumed_training_ends_with_the_same_bits(
    model: str, tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(tiny_npz, folder / "whole", model=model) == 0
    train_until(2, tiny_npz, folder / "resumed", monkeypatch, model=model)
    assert train(tiny_npz, folder / "resumed", "--resume", model=model) == 0

    whole, resumed = RunDirectory(folder / "whole"), RunDirectory(folder / "resumed")
    assert sha256_of_file(whole.weights) == sha256_of_file(resumed.weights)
    assert sha256_of_file(whole.recipe) == sha256_of_file(resumed.recipe)
    histories = [
        [
            Epoch.model_validate_json(line).model_copy(
                update={"seconds": 0.0, "images_per_second": 0.0}
            )
            for line in run.history.read_text().splitlines()
        ]
        for run in (whole, resumed)
    ]
    assert histories[0] == histories[1]
    states = [load_resume_state(run.resume) for run in (whole, resumed)]
    moments = [state.optimizer["state"] for state in states]
    for index, entry in moments[0].items():
        for name, tensor in entry.items():
            assert torch.equal(torch.as_tensor(tensor), torch.as_tensor(moments[1][index][name]))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", "3"], "seed 0, not 3"),
        (["--batch-size", "16"], "batch_size 32, not 16"),
        (["--optimizer", "adam"], "optimizer sgd, not adam"),
    ],
)
def test_resume_is_refused_when_the_recipe_differs(
    options: list[str],
    named: str,
    tiny_npz: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train_until(2, tiny_npz, folder / "run", monkeypatch)
    assert train(tiny_npz, folder / "run", "--resume", *options) == 2
    assert named in capsys.readouterr().err


def test_resume_is_refused_when_there_is_nothing_or_half_of_it(
    tiny_npz: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(tiny_npz, folder / "run", "--resume") == 4
    assert "nothing to resume" in capsys.readouterr().err
    train_until(1, tiny_npz, folder / "run", monkeypatch)
    state = folder / "run" / "resume.pt"
    content = torch.load(state, weights_only=True)
    torch.save({name: part for name, part in content.items() if name != "optimizer"}, state)
    assert train(tiny_npz, folder / "run", "--resume") == 4
    state.write_bytes(state.read_bytes()[:-100])
    assert train(tiny_npz, folder / "run", "--resume") == 4
    errors = capsys.readouterr().err
    assert errors.count("is not a whole resume state") == 2
    assert "weights_only" not in errors


def test_resume_is_refused_when_one_bit_of_the_weights_flipped(
    tiny_npz: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train_until(1, tiny_npz, folder / "run", monkeypatch)
    state = folder / "run" / "resume.pt"
    tensor = load_resume_state(state).weights["network.1.weight"].numpy().tobytes()
    content = bytearray(state.read_bytes())
    content[content.rindex(tensor) + 1000] ^= 64
    state.write_bytes(content)
    assert train(tiny_npz, folder / "run", "--resume") == 4
    assert "is not a whole resume state" in capsys.readouterr().err


def test_old_training_stays_whole_when_the_new_one_cannot_be_written(
    finished_run: Path, tiny_npz: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, folder / "run")
    before = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}

    def full_disk(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trainers.checkpoints.save_file", full_disk)
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
