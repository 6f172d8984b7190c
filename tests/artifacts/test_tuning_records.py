import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from artifacts.environment import current_environment
from artifacts.json_records import read_record, write_record
from artifacts.tuning_records import Choices, Range, Trial, TuningStudy
from tests.trainers.tuning.searches import recipe_of


def trial(number: int, /, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "number": number,
        "state": "complete",
        "settings": {"lr": 0.05, "batch_size": 32},
        "val_accuracy": (0.5, 0.75, 0.7),
        "value": 0.75,
        "seconds": 1.5,
        "worker": "host:1",
    }
    return values | changes


def study(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "search",
        "recipe": recipe_of("mlp").to_dict(),
        "space": {
            "lr": {"low": 0.01, "high": 0.1, "log": True, "grid": (0.01,)},
            "batch_size": {"choices": (32, 64)},
        },
        "sampler": "tpe",
        "pruner": "median",
        "storage": "journal.log",
        "wanted": 3,
        "trials": (trial(0), trial(1, value=0.5, val_accuracy=(0.5,)), trial(2)),
        "best": 0,
        "defaults": 0,
        "importances": {"lr": 0.8, "batch_size": 0.2},
        "environment": current_environment().to_dict(),
        "command": "python cli.py tune",
    }
    return values | changes


def test_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = TuningStudy.model_validate(study())
    write_record(tmp_path / "study.json", written)
    found = read_record(tmp_path / "study.json", TuningStudy)
    assert found == written
    assert found.space["lr"] == Range(low=0.01, high=0.1, log=True, grid=(0.01,))
    assert found.space["batch_size"] == Choices(choices=(32, 64))
    document = json.loads((tmp_path / "study.json").read_text())
    assert (document["schema"], document["study"]) == (1, "tune")
    best = found.trial(found.best)
    assert best is not None
    assert isinstance(best.settings["batch_size"], int)
    assert found.trial(None) is None
    assert [t.number for t in found.of_state("complete")] == [0, 1, 2]
    assert found.of_state("pruned", "failed") == ()


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"best": 1}, "best is not the complete trial with the best value"),
        ({"best": 2}, "best is not the complete trial with the best value"),  # the earliest is
        ({"best": None}, "best is not"),
        ({"defaults": 7}, "the trial of the defaults is not there"),
        ({"trials": (trial(1), trial(0)), "best": 0}, "in the order of their numbers"),
        ({"trials": (trial(0), trial(0))}, "in the order of their numbers"),
        ({"importances": {"momentum": 0.5}}, "an importance is of nothing in the space"),
        ({"importances": {"lr": 1.5}}, "less than or equal to 1"),
        ({"trials": (trial(0, settings={"lr": 0.2}),)}, "trial 0 has lr 0.2 outside the space"),
        ({"trials": (trial(0, settings={"momentum": 1}),)}, "outside the space"),
        ({"sampler": "grid search"}, "sampler"),
        ({"wanted": 0}, "wanted"),
        ({"study": "losses"}, "study"),
        ({"trials": tuple(trial(number) for number in range(10_001))}, "10000 items"),
    ],
)
def test_study_that_cannot_be_is_refused(changes: dict[str, Any], wrong: str) -> None:
    TuningStudy.model_validate(study())
    with pytest.raises(ValidationError, match=wrong):
        TuningStudy.model_validate(study(**changes))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"value": 0.7}, "value is not the best val_accuracy"),
        ({"value": None}, "a complete trial has no value"),
        ({"state": "running"}, "a running trial has a value"),
        ({"state": "failed", "value": None}, "exactly the trials that failed say why"),
        ({"failure": "a reason"}, "exactly the trials that failed say why"),
        ({"val_accuracy": (1.5,), "value": 1.5}, "less than or equal to 1"),
        ({"val_accuracy": (), "value": 0.5}, "value is not the best val_accuracy"),
        ({"number": -1}, "number"),
        ({"settings": {"lr": float("nan")}}, "finite"),
        ({"settings": {"": 1}}, "settings"),
    ],
)
def test_trial_that_cannot_be_is_refused(changes: dict[str, Any], wrong: str) -> None:
    Trial.model_validate(trial(0))
    with pytest.raises(ValidationError, match=wrong):
        Trial.model_validate(trial(0, **changes))


@pytest.mark.parametrize(
    "part",
    [
        {"low": 1, "high": 1, "grid": (1,)},
        {"low": 0, "high": 1, "log": True, "grid": (1,)},
        {"low": 1, "high": 2, "grid": (3,)},
        {"low": 1, "high": 2, "grid": (1, 1)},
        {"low": 1, "high": 2, "grid": ()},
        {"low": 1, "high": float("inf"), "grid": (1,)},
        {"choices": ()},
        {"choices": (1, 1)},
        {"choices": (1,), "low": 1},
    ],
)
def test_part_of_a_space_that_cannot_be_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TuningStudy.model_validate(study(space={**study()["space"], "dropout": part}))


def test_range_and_choices_hold_what_may_be_tried() -> None:
    rates = Range(low=0.01, high=0.1, grid=(0.01, 0.1))
    assert rates.points() == (0.01, 0.1)
    assert [rates.holds(setting) for setting in (0.01, 0.1, 0.2, "0.05")] == [
        True,
        True,
        False,
        False,
    ]
    sizes = Choices(choices=(32, "64"))
    assert sizes.points() == (32, "64")
    assert [sizes.holds(setting) for setting in (32, "64", 64)] == [True, True, False]
