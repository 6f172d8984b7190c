"""From options and a dataset to a recipe: everything that decides a training, in one record."""

from pathlib import Path

from artifacts.choices import RecipeName
from artifacts.training_records import DatasetSpec, Hyperparameters, ModelSpec, Recipe
from data import Dataset
from errors import UsageError
from trainers.recipes import default_precision, named_recipe
from trainers.splits import TrainingIndices, pixel_statistics, training_indices


def planned_training(
    dataset: Dataset,
    *,
    source: str,
    data_dir: Path | None,
    model: str,
    recipe: RecipeName,
    overrides: dict[str, object],
    val_split: float | None,
    subset: float,
    seed: int,
    device_type: str,
) -> tuple[Recipe, TrainingIndices]:
    """Return the whole recipe of a training and the examples that it trains and validates on.

    Args:
        dataset: what to train on; its test split is not looked at.
        source: what the dataset was loaded from, a name or a path.
        data_dir: where datasets with a name were looked for, if that was said.
        model: name of the network.
        recipe: name of the settings that `overrides` (fields of Hyperparameters) replace.
        overrides: by the names of Hyperparameters' fields; None leaves the recipe's value.
        val_split: fraction of the examples that validate; None leaves the recipe's.
        subset: fraction of the training split that is used at all.
        seed: of the split, the initial weights and the order of the examples.
        device_type: `cpu`, `cuda` or `mps`; decides the precision unless `overrides` does.

    Raises:
        UsageError: the fractions leave no examples, or a value is out of its range.
    """
    if len(dataset.classes) < 2:
        raise UsageError("--dataset", f"{source} has one class; a classifier needs two or more")
    named = named_recipe(recipe, model, dataset.name)
    if val_split is None:
        val_split = named.val_split
    labels = dataset.train.labels
    indices = training_indices(labels, subset=subset, val_split=val_split, seed=seed)
    mean, std = pixel_statistics(dataset.train.images, indices.train)
    channels, height, width = dataset.image_shape
    given = {name: value for name, value in overrides.items() if value is not None}
    precision = {"precision": default_precision(model, device_type)}
    settings = named.settings.model_dump() | precision | given
    planned = Recipe(
        recipe=recipe,
        model=ModelSpec(
            name=model,
            num_classes=len(dataset.classes),
            in_channels=channels,
            image_size=(height, width),
        ),
        dataset=DatasetSpec(
            name=dataset.name,
            source=_absolute(source),
            data_dir=str(data_dir.resolve()) if data_dir else None,
            classes=dataset.classes,
            image_shape=dataset.image_shape,
            sha256=dataset.sha256,
            split_sha256=dict(dataset.split_sha256),
        ),
        hyperparameters=Hyperparameters.model_validate(settings),
        val_split=val_split,
        subset=subset,
        seed=seed,
        train_examples=len(indices.train),
        val_examples=len(indices.validation),
        mean=mean,
        std=std,
    )
    return planned, indices


def _absolute(source: str) -> str:
    path = Path(source)
    return str(path.resolve()) if path.exists() else source
