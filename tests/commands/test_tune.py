"""`tune` from options to record: what is searched, kept, refused; each search a process alone."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from artifacts.choices import Sampler
from artifacts.training_records import Epoch
from artifacts.tuning_records import Choices, TuningStudy
from commands.main import main
from data import Dataset, Split
from data.dataset import SplitName
from tests.trainers.tuning.searches import operations, record_of, results, search, words
from trainers.epochs import TrainingExamples, one_epoch
from trainers.progress import Progress
from trainers.recipes import named_recipe
from trainers.tuning.space import own_settings
from trainers.tuning.storage import opened_storage, storage_place

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def searched(tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve trials of TPE that nothing interrupted; never changed: copy it first."""
    study = tmp_path_factory.mktemp("studies") / "searched"
    assert search(tiny_npz, study, trials=12) == 0
    return study


def trials_in(study: Path) -> list[FrozenTrial]:
    """What Optuna keeps."""
    storage = opened_storage(storage_place(str(study / "journal.log")))
    return optuna.load_study(study_name=study.name, storage=storage).get_trials()


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return next(line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))


def test_search_records_its_trials_and_is_no_worse_than_the_defaults(searched: Path) -> None:
    study = record_of(searched)
    assert [trial.number for trial in study.trials] == list(range(12))
    first, best = study.trial(study.defaults), study.trial(study.best)
    assert first is not None
    assert best is not None
    assert first.number == 0
    assert first.settings == own_settings(study.recipe, study.space)
    assert first.value is not None
    assert best.value is not None
    assert best.value >= first.value
    assert best.value == max(t.value or 0 for t in study.trials if t.state == "complete")
    assert (study.recipe.hyperparameters.epochs, study.wanted) == (2, 12)
    # Accuracies are fractions of the 20 images that validate.
    assert all((20 * value).is_integer() for trial in study.trials for value in trial.val_accuracy)
    assert sum(study.importances.values()) == pytest.approx(1)
    assert list(study.importances.values()) == sorted(study.importances.values(), reverse=True)
    assert {"onnxproof", "torch", "optuna"} <= set(study.environment.versions)
    assert sorted(path.name for path in searched.iterdir()) == ["journal.log", "study.json"]


def test_table_and_json_tell_the_same(
    searched: Path, tiny_npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trials_in(searched)
    assert search(tiny_npz, searched, trials=12) == 0
    table = capsys.readouterr().out
    assert search(tiny_npz, searched, "--json", trials=12) == 0
    study = TuningStudy.model_validate(
        {k: v for k, v in json.loads(capsys.readouterr().out).items() if k != "record_sha256"}
    )
    # Nothing was left to do, so nothing was done.
    assert trials_in(searched) == before
    best = study.trial(study.best)
    assert best is not None
    assert f"trial {best.number}: {100 * (best.value or 0):.2f}%" in table
    assert f"12 of 12: {len(study.of_state('complete'))} complete" in table
    assert f"train --from-study={searched}" in table
    assert all(name in table for name in study.space)


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_search_that_is_taken_up_again_does_what_an_uninterrupted_one_does(
    sampler: Sampler, searched: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    whole = searched if sampler == "tpe" else tmp_path / "whole"
    options = ("--sampler", sampler)
    assert search(tiny_npz, whole, *options, trials=12) == 0
    for trials in (1, 7, 12):
        assert search(tiny_npz, tmp_path / "parts", *options, trials=trials) == 0
    parts, study = record_of(tmp_path / "parts"), record_of(whole)
    assert results(parts.trials) == results(study.trials)
    assert parts.importances == study.importances


def test_seed_decides(searched: Path, tiny_npz: Path, tmp_path: Path) -> None:
    assert search(tiny_npz, tmp_path / "other", "--seed", "1", trials=3) == 0
    assert results(record_of(tmp_path / "other").trials)[1:] != results(
        record_of(searched).trials[1:3]
    )


def test_stop_in_a_trial_keeps_what_is_finished(
    searched: Path,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = tmp_path / "stopped"

    def stop_in_the_third(_self: object, number: int, done: int, _total: int) -> None:
        if (number, done) == (3, 5):
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("commands.progress.SearchProgress.on_batch", stop_in_the_third)
        assert search(tiny_npz, study, trials=12) == 130
    assert "hint: the same command goes on" in capsys.readouterr().err
    assert [trial.number for trial in record_of(study).trials] == [0, 1, 2]
    assert record_of(study).no_importances == "3 trials are complete: wanted 4 or more"
    assert search(tiny_npz, study, trials=12) == 0
    assert results(record_of(study).trials) == results(record_of(searched).trials)


def test_worker_that_was_taken_for_gone_leaves_its_trial_and_goes_on(
    searched: Path,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study, freed = tmp_path / "study", list[int]()

    def free_it_once(_self: object, number: int, done: int, _total: int) -> None:
        if (number, done) == (1, 2) and not freed:
            freed.append(number)
            storage = opened_storage(storage_place(str(study / "journal.log")))
            others = optuna.load_study(study_name="study", storage=storage)
            others.tell(1, state=optuna.trial.TrialState.FAIL)

    monkeypatch.setattr("trainers.tuning.seats.BEAT_SECONDS", -1.0)
    monkeypatch.setattr("commands.progress.SearchProgress.on_batch", free_it_once)
    assert search(tiny_npz, study, trials=3) == 0
    assert "trial 1 was taken over by another worker" in capsys.readouterr().err
    assert results(record_of(study).trials) == results(record_of(searched).trials[:3])
    assert len(trials_in(study)) == 4


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (("--seed", "1"), "seed 0, not 1"),
        (("--epochs", "3"), "epochs 2, not 3"),
        (("--val-split", "0.2"), "val_split 0.1, not 0.2"),
        (("--subset", "0.5"), "subset 1.0, not 0.5"),
        (("--sampler", "random"), "sampler tpe, not random"),
        (("--pruner", "none"), "pruner median, not none"),
        (("--model", "logistic"), "model mlp, not logistic"),
        (("--recipe", "assignment"), "recipe best, not assignment"),
    ],
)
def test_other_search_under_the_same_name_is_refused_with_the_difference(
    options: tuple[str, ...],
    difference: str,
    searched: Path,
    tiny_npz: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (searched / "study.json").read_bytes()
    assert search(tiny_npz, searched, *options, trials=12) == 2
    error = error_of(capsys)
    assert error.startswith("error: --study: searched was begun with ")
    assert difference in error
    assert (searched / "study.json").read_bytes() == before


def test_other_space_or_dataset_or_storage_is_refused(
    searched: Path, tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "space.toml"
    space.write_text("[dropout]\nfixed = 0.0\n")
    assert search(tiny_npz, searched, "--space", str(space)) == 2
    assert "the space of dropout 0 to 0.5 with the grid 0, 0.25, not 0.0" in error_of(capsys)
    arrays = dict(np.load(tiny_npz))
    arrays["train_images"][0] ^= 1
    np.savez(tmp_path / "tiny.npz", **arrays)
    assert search(tmp_path / "tiny.npz", searched) == 2
    assert "begun with dataset tiny" in error_of(capsys)
    assert search(tiny_npz, searched, "--storage", str(tmp_path / "other.log")) == 2
    assert error_of(capsys).startswith(f"error: --storage: {searched} is kept in ")


def test_space_of_the_user_is_searched_and_defaults_outside_of_it_are_not_tried(
    tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "space.toml"
    space.write_text('[optimizer]\nchoices = ["adam"]\n[widths]\nchoices = ["16", "8,8"]\n')
    assert search(tiny_npz, tmp_path / "study", "--space", str(space), trials=4) == 0
    study = record_of(tmp_path / "study")
    assert study.defaults is None
    assert study.space["optimizer"] == Choices(choices=("adam",))
    assert {trial.settings["optimizer"] for trial in study.trials} == {"adam"}
    assert {trial.settings["widths"] for trial in study.trials} <= {"16", "8,8"}
    told = capsys.readouterr()
    assert "not in the space (widths, optimizer), and are not tried" in told.err
    assert "not tried: the space does not hold them" in told.out


def test_grid_ends_with_its_last_point(tiny_npz: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    names = ("dropout", "weight_decay", "augmentation")
    fixed = "".join(f"[{name}]\nfixed = 0.0\n" for name in names)
    fixed += '[widths]\nfixed = "16"\n[optimizer]\nfixed = "sgd"\n[batch_size]\nfixed = 32\n'
    space.write_text(fixed + "[lr]\nchoices = [0.01, 0.02, 0.04]\n")
    study = tmp_path / "study"
    options = ("--sampler", "grid", "--space", str(space))
    assert search(tiny_npz, study, *options, trials=30) == 0
    record = record_of(study)
    assert sorted(trial.settings["lr"] for trial in record.trials) == [0.01, 0.02, 0.04]
    assert record.wanted == 3
    assert record.no_importances == "3 trials are complete: wanted 4 or more"


def test_diverging_trials_fail_and_the_search_goes_on(
    tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "space.toml"
    space.write_text('[lr]\nchoices = [0.05, 1e30]\n[optimizer]\nfixed = "sgd"\n')
    options = ("--space", str(space), "--sampler", "random", "--pruner", "none")
    assert search(tiny_npz, tmp_path / "some", *options, trials=8) == 0
    study = record_of(tmp_path / "some")
    assert {trial.settings["lr"]: trial.state for trial in study.trials} == {
        0.05: "complete",
        1e30: "failed",
    }
    assert all("loss became" in (t.failure or "") for t in study.of_state("failed"))
    capsys.readouterr()
    space.write_text('[lr]\nfixed = 1e30\n[optimizer]\nfixed = "sgd"\n')
    assert search(tiny_npz, tmp_path / "all", *options, trials=3) == 5
    assert "all 3 trials failed; the last one: the" in error_of(capsys)
    assert len(record_of(tmp_path / "all").of_state("failed")) == 3
    assert record_of(tmp_path / "all").best is None


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_trials_that_promise_nothing_end_early(pruner: str, tiny_npz: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text('[lr]\nchoices = [0.05, 1e-9]\n[optimizer]\nfixed = "sgd"\n')
    options = ("--space", str(space), "--sampler", "random", "--pruner", pruner)
    assert search(tiny_npz, tmp_path / "study", *options, trials=16, epochs=8) == 0
    study = record_of(tmp_path / "study")
    pruned = study.of_state("pruned")
    assert pruned
    assert all(len(trial.val_accuracy) < 8 for trial in pruned)
    assert all(trial.value == max(trial.val_accuracy) for trial in pruned)
    assert study.trial(study.best) not in pruned


def test_memory_that_does_not_suffice_is_a_failed_trial(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(progress: Progress, examples: TrainingExamples, **named: Any) -> Epoch:
        if progress.recipe.hyperparameters.batch_size > 64:
            np.empty(1 << 62, dtype=np.uint8)
        return one_epoch(progress, examples, **named)

    monkeypatch.setattr("trainers.tuning.objective.one_epoch", too_large)
    assert search(tiny_npz, tmp_path / "study", "--sampler", "random", trials=6) == 0
    for trial in record_of(tmp_path / "study").trials:
        is_large = int(trial.settings["batch_size"]) > 64
        assert (trial.failure == "out of memory") == is_large


def test_database_that_does_not_answer_any_more_is_told_in_one_line(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "study.db"

    def lose_a_table(_self: object, number: int, done: int, _total: int) -> None:
        if (number, done) == (1, 1):
            with contextlib.closing(sqlite3.connect(file)) as database:
                database.execute("DROP TABLE trial_intermediate_values")

    monkeypatch.setattr("commands.progress.SearchProgress.on_batch", lose_a_table)
    assert search(tiny_npz, tmp_path / "study", "--storage", f"sqlite:///{file}", trials=3) == 5
    told = capsys.readouterr().err.splitlines()[-2:]
    assert told[0].startswith(f"error: sqlite:///{file}: ")
    assert "trial_intermediate_values" in told[0]
    assert told[1] == "hint: the same command goes on when it answers again"
    assert [trial.number for trial in record_of(tmp_path / "study").trials] == [0]


def test_network_of_the_users_is_searched_and_trained_again(
    tiny_npz: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.py").write_text(
        "from torch import nn\n"
        "def factory(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))\n"
    )
    study, model = folder / "study", ("--model", "net.py:factory")
    assert search(tiny_npz, study, *model, trials=2) == 0
    assert list(record_of(study).space) == [
        *("lr", "batch_size", "weight_decay", "augmentation", "optimizer")
    ]
    assert main(["train", "--from-study", str(study), "--threads", "1"]) == 0
    (folder / "net.py").write_text("print('another')\n")
    assert main(["train", "--from-study", str(study)]) == 4
    assert "net.py" in error_of(capsys)


def test_timeout_begins_no_trial_after_it(tiny_npz: Path, tmp_path: Path) -> None:
    options = ("--timeout", "1e-9")
    assert search(tiny_npz, tmp_path / "study", *options) == 0
    assert record_of(tmp_path / "study").trials == ()
    assert search(tiny_npz, tmp_path / "study", trials=2) == 0
    assert len(record_of(tmp_path / "study").trials) == 2


def test_test_split_is_never_opened(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    split = Dataset.split

    def noted(self: Dataset, name: SplitName) -> Split:
        opened.append(name)
        return split(self, name)

    monkeypatch.setattr(Dataset, "split", noted)
    assert search(tiny_npz, tmp_path / "study", trials=2) == 0
    assert set(opened) == {"train"}


def test_defaults_are_in_runs_and_take_the_digits(folder: Path) -> None:
    assert main(["tune", "--trials", "1", "--epochs", "1", "--subset", "0.2"]) == 0
    study = record_of(folder / "runs" / "tune-digits-mlp")
    assert (study.name, study.sampler, study.pruner) == ("tune-digits-mlp", "tpe", "median")
    assert study.storage == "runs/tune-digits-mlp/journal.log"
    assert study.recipe.hyperparameters == named_recipe(
        "best", "mlp", "digits"
    ).settings.model_copy(update={"epochs": 1})
    assert main(["tune", "--study", "mine", "--trials", "1", "--epochs", "1"]) == 0
    assert record_of(folder / "runs" / "mine").name == "mine"


def test_damaged_record_is_written_anew_from_the_storage(tiny_npz: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert search(tiny_npz, study, trials=2) == 0
    before = record_of(study)
    (study / "study.json").write_bytes(b"{}")
    assert search(tiny_npz, study, trials=2) == 0
    assert results(record_of(study).trials) == results(before.trials)


def test_damaged_storage_is_told_and_stays(
    tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study"
    assert search(tiny_npz, study, trials=1) == 0
    journal = study / "journal.log"
    for number, operation in enumerate(operations(journal)):
        if "user_attr" in operation:  # what the study was begun with
            operation["user_attr"] = {"onnxproof": {"recipe": "none"}}
            lines = journal.read_text().splitlines()
            lines[number] = json.dumps(operation)
            journal.write_text("\n".join(lines) + "\n")
            break
    assert search(tiny_npz, study, trials=2) == 4
    assert "the study study is damaged" in error_of(capsys)
    journal.write_bytes(journal.read_bytes()[:-200] + b"\n")
    assert search(tiny_npz, study, trials=2) == 4
    assert error_of(capsys).startswith(f"error: {journal}: is no journal of Optuna")


def test_study_of_another_program_is_refused(
    tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = f"sqlite:///{tmp_path / 'theirs.db'}"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = optuna.create_study(storage=storage, study_name="study")
    theirs.add_trial(optuna.trial.create_trial(value=1.0))
    assert search(tiny_npz, tmp_path / "study", "--storage", storage) == 4
    assert "the study study was not made by tune" in error_of(capsys)


def test_directory_of_something_else_is_refused(
    finished_run: Path, tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(tiny_npz, finished_run) == 2
    assert "holds a run: name another directory" in error_of(capsys)
    assert search(tiny_npz, tmp_path / "study", "--study", " ") == 2
    assert "--study: wanted a name or a directory" in error_of(capsys)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--trials", "0"), "--trials"),
        (("--trials", "10001"), "--trials"),
        (("--sampler", "bayes"), "--sampler"),
        (("--timeout", "nan"), "--timeout"),
        (("--storage", "sqlite://"), "--storage"),
        (("--model", "nothing"), "--model"),
    ],
)
def test_wrong_options_are_told_by_name(
    options: tuple[str, str],
    error: str,
    tiny_npz: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert search(tiny_npz, tmp_path / "study", *options) == 2
    assert error_of(capsys).startswith(f"error: {error}: ")
    assert not (tmp_path / "study").exists()


def test_several_processes_of_one_trial_are_refused(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert search(tiny_npz, tmp_path / "study") == 2
    assert "a trial runs in one process" in error_of(capsys)


def test_missing_optuna_is_told_with_the_way_out(tiny_npz: Path, tmp_path: Path) -> None:
    hide = (
        "import importlib.util as u; find = u.find_spec;"
        " u.find_spec = lambda name, *rest: None if name == 'optuna' else find(name, *rest);"
        " import sys; sys.modules['optuna'] = None; from commands.main import main;"
        f" sys.exit(main({words(tiny_npz, tmp_path / 'study')!r}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", hide], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 3
    assert finished.stderr == (
        "error: tune: Optuna is not installed\nhint: python -m pip install '.[tune]'\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_cannot_be_written_is_told(
    tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    try:
        assert search(tiny_npz, tmp_path / "study") == 5
    finally:
        tmp_path.chmod(0o700)
    assert "cannot be written" in error_of(capsys)
