"""From options and a dataset to a recipe: everything that decides a training, in one record."""

from collections.abc import Sequence

from artifacts.choices import RecipeName
from artifacts.training_records import (
    DatasetSpec,
    Hyperparameters,
    InitialWeights,
    ModelSpec,
    Normalization,
    Recipe,
    SearchedTrial,
)
from data import Dataset
from data.splits import TrainingIndices, training_indices
from errors import UsageError
from models import NetworkName
from models.hidden_layers import recorded_widths
from trainers.pixel_statistics import pixel_statistics
from trainers.recipes import default_precision, named_recipe


def planned_training(
    dataset: Dataset,
    *,
    spec: DatasetSpec,
    network: NetworkName,
    widths: Sequence[int] | None = None,
    dropout: float = 0.0,
    initial_weights: InitialWeights | None = None,
    normalization: Normalization | None = None,
    recipe: RecipeName,
    overrides: dict[str, object],
    val_split: float | None,
    subset: float,
    seed: int,
    device_type: str,
    searched: SearchedTrial | None = None,
) -> tuple[Recipe, TrainingIndices]:
    """Return the whole recipe of a training and the examples that it trains and validates on.

    Args:
        dataset: what to train on; its test split is not looked at.
        spec: what the dataset was loaded from, for the record.
        network: which one.
        widths: outputs of its hidden fully connected layers; None takes the network's own.
        dropout: share of them that training leaves out.
        initial_weights: what it begins with, if not with random weights.
        normalization: that those want; None takes the training pixels' own.
        recipe: name of the settings that `overrides` (fields of Hyperparameters) replace.
        overrides: by the names of Hyperparameters' fields; None leaves the recipe's value.
        val_split: fraction of the examples that validate; None leaves the recipe's.
        subset: fraction of the training split that is used at all.
        seed: of the split, the initial weights and the order of the examples.
        device_type: `cpu`, `cuda` or `mps`; decides the precision unless `overrides` does.
        searched: the trial that the settings come from, for the record.

    Raises:
        UsageError: the fractions leave no examples, a value is out of its range, or the network
            leaves no choice of widths or dropout.
    """
    recorded = recorded_widths(network.name, widths, dropout)
    if len(dataset.classes) < 2:
        found = "one class" if dataset.labelled else "no labels"
        raise UsageError("--dataset", f"{spec.source} has {found}; a classifier needs two classes")
    named = named_recipe(
        recipe, network.name, dataset.name, fine_tuning=initial_weights is not None
    )
    if val_split is None:
        val_split = named.val_split
    labels = dataset.train.labels
    indices = training_indices(labels, subset=subset, val_split=val_split, seed=seed)
    if normalization is None:
        mean, std = pixel_statistics(dataset.train.images, indices.train)
        normalization = Normalization(mean=mean, std=std)
    channels, height, width = dataset.image_shape
    given = {name: value for name, value in overrides.items() if value is not None}
    precision = {"precision": default_precision(network.name, device_type)}
    settings = named.settings.model_dump() | precision | given
    planned = Recipe(
        recipe=recipe,
        model=ModelSpec(
            name=network.name,
            num_classes=len(dataset.classes),
            in_channels=channels,
            image_size=(height, width),
            file=network.file,
            file_sha256=network.file_sha256,
            widths=recorded,
            dropout=dropout,
        ),
        dataset=spec,
        hyperparameters=Hyperparameters.model_validate(settings),
        val_split=val_split,
        subset=subset,
        seed=seed,
        initial_weights=initial_weights,
        train_examples=len(indices.train),
        val_examples=len(indices.validation),
        mean=normalization.mean,
        std=normalization.std,
        searched=searched,
    )
    return planned, indices
