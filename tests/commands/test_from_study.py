"""`train --from-study`: the best trial of a search, trained as the search trained it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from artifacts.files import sha256_of_file
from artifacts.history import history_from_jsonl
from artifacts.json_records import read_record, write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Recipe, SearchedTrial, Training
from artifacts.tuning_records import Trial
from commands.main import main
from tests.trainers.tuning.searches import record_of, search
from trainers.tuning.space import recipe_of_trial


@pytest.fixture(scope="module")
def searched(tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that did not try the recipe's own settings; never changed: copy it first."""
    folder = tmp_path_factory.mktemp("studies")
    space = folder / "space.toml"
    space.write_text('[optimizer]\nfixed = "adamw"\n[widths]\nchoices = ["16,8", "24"]\n')
    options = ("--space", str(space), "--sampler", "random", "--subset", "0.9", "--seed", "3")
    assert search(tiny_npz, folder / "searched", *options, trials=4, epochs=3) == 0
    return folder / "searched"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.chdir(tmp_path)
    return RunDirectory(tmp_path / "run")


def train(study: Path, run: RunDirectory, *options: str) -> int:
    words = ["train", "--from-study", str(study), "--run", str(run.root), "--threads", "1"]
    return main([*words, *options])


def best_of(study: Path) -> Trial:
    record = record_of(study)
    best = record.trial(record.best)
    assert best is not None
    return best


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return next(line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))


def test_training_of_the_best_trial_comes_to_its_accuracy(
    searched: Path, run: RunDirectory
) -> None:
    assert train(searched, run) == 0
    study, best = record_of(searched), best_of(searched)
    recipe, training = read_record(run.recipe, Recipe), read_record(run.training, Training)
    history = history_from_jsonl(run.history.read_bytes())
    assert training.val_accuracy == best.value
    # To the last bit, epoch by epoch.
    assert tuple(epoch.val_accuracy for epoch in history) == best.val_accuracy
    origin = SearchedTrial(
        study=study.name, study_sha256=sha256_of_file(searched / "study.json"), trial=best.number
    )
    assert recipe.searched == origin
    wanted = recipe_of_trial(study.recipe, best.settings)
    assert recipe.model_copy(update={"searched": None}) == wanted


def test_options_that_are_given_win(searched: Path, run: RunDirectory) -> None:
    options = ("--lr", "0.003", "--subset", "1", "--epochs", "1", "--widths", "8", "--model", "mlp")
    assert train(searched, run, *options, "--no-augmentation") == 0
    recipe, best = read_record(run.recipe, Recipe), best_of(searched)
    settings = recipe.hyperparameters
    assert (settings.lr, settings.epochs, recipe.subset) == (0.003, 1, 1)
    assert recipe.model.widths == (8,)
    assert not settings.augmentation.changes
    assert settings.batch_size == best.settings["batch_size"]
    assert recipe.seed == 3
    assert recipe.searched is not None


def test_name_means_a_study_in_runs(searched: Path, run: RunDirectory) -> None:
    shutil.copytree(searched, run.root.parent / "runs" / "mine")
    assert main(["train", "--from-study", "mine", "--threads", "1"]) == 0
    assert (run.root.parent / "runs" / "tiny-mlp" / "training.json").is_file()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--model", "lenet5"), "error: --model: the study is of mlp, not of lenet5"),
        (("--recipe", "best"), "error: --recipe: cannot be given with --from-study"),
        (("--image-size", "8"), "error: --image-size: cannot be given with --from-study"),
        (("--pretrained",), "error: --pretrained: cannot be given with --from-study"),
    ],
)
def test_what_contradicts_the_study_is_refused(
    options: tuple[str, ...],
    error: str,
    searched: Path,
    run: RunDirectory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(searched, run, *options) == 2
    assert error_of(capsys).startswith(error)
    assert not run.root.exists()


def test_other_dataset_is_refused_and_one_that_was_moved_is_not(
    searched: Path, run: RunDirectory, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = shutil.copy(tiny_npz, run.root.parent / "moved.npz")
    assert train(searched, run, "--dataset", str(moved)) == 0
    arrays = dict(np.load(tiny_npz))
    arrays["train_images"][0] ^= 1
    np.savez(moved, **arrays)
    assert train(searched, run, "--dataset", str(moved)) == 4
    assert "is not the dataset" in error_of(capsys)


def test_study_that_cannot_be_trained_from_is_told(
    searched: Path, run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(run.root.parent / "none", run) == 4
    assert "study.json" in error_of(capsys)
    study = run.root.parent / "study"
    shutil.copytree(searched, study)
    record = record_of(study)
    none = {"trials": (), "best": None, "defaults": None}
    write_record(study / "study.json", record.model_copy(update=none))
    assert train(study, run) == 4
    assert "no trial of the search is complete" in error_of(capsys)
    content = (searched / "study.json").read_text()
    (study / "study.json").write_text(content.replace('"epochs": 3', '"epochs": 4'))
    assert train(study, run) == 4
    assert "study.json: not a valid" in error_of(capsys)
