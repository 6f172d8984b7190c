"""`train --from-study`: the best trial of a search, in the place of options that were not given."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from artifacts.files import sha256_of_file
from artifacts.json_records import read_record
from artifacts.study_directory import kind_of_study, named_study
from artifacts.training_records import Recipe, SearchedTrial
from artifacts.tuning_records import TuningStudy
from commands.training_steps import TrainingOptions
from errors import ArtifactError, UsageError
from models import NetworkName, network_name
from trainers.tuning.space import recipe_of_trial

# What the study was searched with: with another, its settings would mean nothing.
_CONTRADICTORY = ("recipe", "weights", "pretrained", "image_size")


def given_options() -> set[str]:
    """Return the names of the parameters that the user gave on the command line."""
    context = click.get_current_context()
    return {
        name
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def options_with_best_trial(
    options: TrainingOptions, study: str, given: Collection[str]
) -> TrainingOptions:
    """Return the options with the study's best trial in the place of what was not given.

    Args:
        options: of `train`.
        study: a name in ./runs, or a directory.
        given: names of the options that the user gave, which win.

    Raises:
        ArtifactError: there is no such study, it is damaged, or no trial of it is complete.
        UsageError: it is no search, or an option contradicts it.
    """
    directory = named_study(study)
    kind = kind_of_study(directory)
    if kind != "tune":
        raise UsageError("--from-study", f"{directory.root} is a study of {kind}: wanted a search")
    record = read_record(directory.record, TuningStudy)
    best = record.trial(record.best)
    if best is None:
        raise ArtifactError(
            str(directory.record),
            "no trial of the search is complete",
            hint="go on with the search: the same tune command again",
        )
    for name in _CONTRADICTORY:
        if name in given:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(option, "cannot be given with --from-study, which has its own")
    network = _network(record.recipe, options.model if "model" in given else None)
    recipe = recipe_of_trial(record.recipe, best.settings)
    spec = recipe.dataset
    return replace(
        options,
        model=network.name,
        network=network,
        widths=options.widths if "widths" in given else recipe.model.widths,
        dropout=options.dropout if "dropout" in given else recipe.model.dropout,
        dataset=options.dataset if "dataset" in given else spec.source,
        data_dir=options.data_dir or (Path(spec.data_dir) if spec.data_dir else None),
        recorded_dataset=spec,
        image_size=spec.resized_to,
        recipe=recipe.recipe,
        overrides=_overrides(recipe, options.overrides),
        val_split=options.val_split if "val_split" in given else recipe.val_split,
        subset=options.subset if "subset" in given else recipe.subset,
        seed=options.seed if "seed" in given else recipe.seed,
        searched=SearchedTrial(
            study=record.name, study_sha256=sha256_of_file(directory.record), trial=best.number
        ),
    )


def _overrides(recipe: Recipe, given: Mapping[str, object]) -> dict[str, object]:
    own = recipe.hyperparameters.model_dump()
    return own | {name: value for name, value in given.items() if value is not None}


def _network(recipe: Recipe, named: str | None) -> NetworkName:
    """Return the study's network; a file that defines it is run only where it is trusted already.

    Raises:
        UsageError: another one was named.
    """
    model = recipe.model
    network = NetworkName(name=model.name, file=model.file, file_sha256=model.file_sha256)
    if named is not None and network_name(named) != network:
        raise UsageError("--model", f"the study is of {model.name}, not of {named}")
    return network
