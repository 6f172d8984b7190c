"""Recipes, plans and searches on tiny data."""

import json
from pathlib import Path
from typing import Any

from artifacts.choices import RecipeName
from artifacts.json_records import read_record
from artifacts.training_records import DatasetSpec, ModelSpec, Recipe
from artifacts.tuning_records import Trial, TuningStudy
from commands.main import main
from trainers.recipes import named_recipe


def recipe_of(model: str, recipe: RecipeName = "best", dataset: str = "mnist") -> Recipe:
    """The recipe of a network on ten classes of 28x28 grey images."""
    named = named_recipe(recipe, model, dataset)
    return Recipe(
        recipe=recipe,
        model=ModelSpec(name=model, num_classes=10, in_channels=1, image_size=(28, 28)),
        dataset=DatasetSpec(
            name=dataset,
            source=dataset,
            data_dir=None,
            classes=tuple("0123456789"),
            image_shape=(1, 28, 28),
            sha256="0" * 64,
            split_sha256={},
        ),
        hyperparameters=named.settings,
        val_split=named.val_split,
        subset=1,
        seed=0,
        train_examples=90,
        val_examples=10,
        mean=(0.0,),
        std=(1.0,),
    )


def words(npz: Path, study: Path, *options: str, trials: int = 6, epochs: int = 2) -> list[str]:
    fixed = ["--dataset", str(npz), "--study", str(study), "--threads", "1"]
    return ["tune", *fixed, "--trials", str(trials), "--epochs", str(epochs), *options]


def search(npz: Path, study: Path, *options: str, trials: int = 6, epochs: int = 2) -> int:
    return main(words(npz, study, *options, trials=trials, epochs=epochs))


def record_of(study: Path) -> TuningStudy:
    return read_record(study / "study.json", TuningStudy)


def results(trials: tuple[Trial, ...]) -> list[dict[str, Any]]:
    """What trials were and came to, without what depends on the clock and the process."""
    kept = ("number", "state", "settings", "val_accuracy", "value", "failure")
    return [{key: trial.to_dict()[key] for key in kept} for trial in trials]


def operations(journal: Path) -> list[dict[str, Any]]:
    """What Optuna's journal holds."""
    return [json.loads(line) for line in journal.read_text().splitlines()]
