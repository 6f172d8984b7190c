from typing import get_args

import pytest
from pydantic import ValidationError

from artifacts.choices import RecipeName
from artifacts.training_records import Augmentation
from artifacts.tuning_records import Range
from errors import UsageError
from models import MODEL_NAMES
from tests.trainers.tuning.searches import recipe_of
from trainers.tuning.space import (
    TYPES,
    Settings,
    default_space,
    own_settings,
    recipe_of_trial,
    settings_outside,
    stronger,
)

OTHERS = ("timm:resnet10t", "net.py:factory")


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
@pytest.mark.parametrize("recipe", get_args(RecipeName))
@pytest.mark.parametrize("model", [*MODEL_NAMES, *OTHERS])
def test_default_space_holds_the_recipes_own_settings(
    model: str, recipe: RecipeName, dataset: str
) -> None:
    planned = recipe_of(model, recipe, dataset)
    space = default_space(planned)
    own = own_settings(planned, space)
    assert settings_outside(own, space) == []
    assert recipe_of_trial(planned, own) == planned


@pytest.mark.parametrize("model", [*MODEL_NAMES, *OTHERS])
def test_every_point_of_the_grid_is_a_recipe(model: str) -> None:
    planned = recipe_of(model)
    for name, searched in default_space(planned).items():
        for point in searched.points():
            assert isinstance(point, TYPES[name])
            trial = recipe_of_trial(planned, {name: point})
            assert (trial != planned) == (own_settings(planned, [name])[name] != point)  # type: ignore[arg-type]


def test_widths_and_dropout_are_searched_of_networks_that_have_them_alone() -> None:
    assert {"widths", "dropout"} <= set(default_space(recipe_of("mlp")))
    assert {"widths", "dropout"} <= set(default_space(recipe_of("lenet5")))
    assert {"widths", "dropout"} & set(default_space(recipe_of("resnet18"))) == set()
    assert "augmentation" not in default_space(recipe_of("mlp", "assignment"))


def test_settings_outside_of_the_space_are_named() -> None:
    planned = recipe_of("mlp")
    space = {**default_space(planned), "lr": Range(low=0.1, high=0.2, grid=(0.1,))}
    assert settings_outside(own_settings(planned, space), space) == ["lr"]


def test_settings_of_a_trial_take_their_places() -> None:
    settings: Settings = {
        "lr": 0.5,
        "batch_size": 64,
        "widths": "32,16",
        "dropout": 0.25,
        "weight_decay": 0.0,
        "augmentation": 0.0,
        "optimizer": "adam",
    }
    trial = recipe_of_trial(recipe_of("mlp"), settings)
    found = trial.hyperparameters
    assert (found.lr, found.batch_size, found.weight_decay) == (0.5, 64, 0.0)
    assert (found.optimizer, found.augmentation) == ("adam", Augmentation())
    assert (trial.model.widths, trial.model.dropout) == ((32, 16), 0.25)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"lr": 0.0}, ValidationError),
        ({"batch_size": 0}, ValidationError),
        ({"dropout": 1.0}, ValidationError),
        ({"augmentation": -1.0}, ValidationError),
        ({"optimizer": "lion"}, ValidationError),
        ({"widths": "128,"}, ValueError),
        ({"widths": "0"}, ValueError),
        ({"widths": "99999999"}, UsageError),
    ],
)
def test_settings_that_no_training_can_have_are_refused(
    settings: dict[str, int | float | str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        recipe_of_trial(recipe_of("mlp"), settings)


def test_augmentation_is_made_stronger_up_to_what_is_possible() -> None:
    own = Augmentation(shift=0.1, rotation=10, scale=0.1, cutout=0.25)
    assert stronger(own, 1.0) == own
    assert not stronger(own, 0.0).changes
    assert stronger(own, 2.0) == Augmentation(shift=0.2, rotation=20, scale=0.2, cutout=0.5)
    assert stronger(own, 100.0) == Augmentation(shift=1, rotation=180, scale=0.9, cutout=1)
