"""What recipes promise is what the committed files say, measured with the recipes as they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from artifacts.choices import RECIPES, RecipeName
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Recipe
from models import MODEL_NAMES
from trainers.recipes import Expectation, NamedRecipe, expectation_for, named_recipe

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PROMISES = [
    (recipe, model, expected)
    for recipe in RECIPES
    for model in MODEL_NAMES
    for expected in named_recipe(recipe, model, "any").expected
    if expected.model == model  # `assignment` is one recipe for all networks
]


def disagreements(
    named: NamedRecipe, expected: Expectation, recipe: RecipeName, measured: dict[str, Any]
) -> list[str]:
    """What the recipe says and the measurement does not."""
    settings = json.loads(named.settings.model_dump_json())
    pairs = {
        "mean": (expected.mean, measured["test_percent_mean"]),
        "std": (expected.std, measured["test_percent_std"]),
        "seeds": (expected.seeds, len(measured["runs"])),
        "dataset, network and recipe": (
            True,
            measured["name"] == f"{expected.dataset}-{expected.model}-{recipe}",
        ),
        # The arithmetic's precision may be the machine's choice.
        "settings": (
            settings | {"precision": ""},
            measured["hyperparameters"] | {"precision": ""},
        ),
    }
    return [name for name, (wanted, found) in pairs.items() if wanted != found]


@pytest.mark.parametrize(
    ("recipe", "model", "expected"), PROMISES, ids=[f"{r}-{m}-{e.dataset}" for r, m, e in PROMISES]
)
def test_recipe_promises_what_was_measured(
    recipe: RecipeName, model: str, expected: Expectation
) -> None:
    measured = json.loads((RESULTS / expected.measured_in).read_text())
    named = named_recipe(recipe, model, "any")
    assert disagreements(named, expected, recipe, measured) == []
    assert measured["command"]
    assert len(measured["commit"]) == 40


def test_promise_is_seen_to_differ_when_the_recipe_changed() -> None:
    recipe, model, expected = PROMISES[0]
    measured = json.loads((RESULTS / expected.measured_in).read_text())
    named = named_recipe(recipe, model, "any")
    changed = NamedRecipe(
        settings=named.settings.model_copy(update={"lr": 7.0}), val_split=named.val_split
    )
    assert disagreements(changed, expected, recipe, measured) == ["settings"]
    measured["test_percent_mean"] -= 0.1
    assert disagreements(named, expected, recipe, measured) == ["mean"]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", MODEL_NAMES)
def test_every_network_has_a_recipe(recipe: RecipeName, model: str) -> None:
    for dataset in ("digits", "mnist"):
        named = named_recipe(recipe, model, dataset)
        assert named.settings.epochs >= 1
        assert 0 < named.val_split < 1


def test_assignment_is_the_original_setting() -> None:
    named = named_recipe("assignment", "mlp", "mnist")
    settings = named.settings
    assert (settings.optimizer, settings.epochs, settings.batch_size) == ("adam", 10, 32)
    assert (named.val_split, settings.lr, settings.schedule) == (0.2, 1e-3, "constant")
    assert not any(settings.augmentation.model_dump().values())
    assert settings.label_smoothing == settings.weight_decay == settings.weight_averaging == 0


def test_expectation_is_told_only_for_what_was_measured(finished_run: Path) -> None:
    trained = read_record(RunDirectory(finished_run).recipe, Recipe)
    named = named_recipe("best", "mlp", "mnist")
    mnist = trained.model_copy(
        update={
            "dataset": trained.dataset.model_copy(update={"name": "mnist"}),
            "hyperparameters": named.settings,
        }
    )
    expected = expectation_for(mnist)
    assert expected in named.expected
    assert expected is not None
    assert expected.in_words().startswith("98.94 +- 0.07% of the test split (5 seeds, ")
    assert expectation_for(trained) is None
    assert expectation_for(mnist.model_copy(update={"subset": 0.5})) is None
    changed = named.settings.model_copy(update={"lr": 0.01})
    assert expectation_for(mnist.model_copy(update={"hyperparameters": changed})) is None
    for update in ({"widths": (256, 128)}, {"dropout": 0.1}):
        other = {"model": mnist.model.model_copy(update=update)}
        assert expectation_for(mnist.model_copy(update=other)) is None
