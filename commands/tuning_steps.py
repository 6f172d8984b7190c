"""The step of `tune`: a search from its options to its record."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import Pruner, RecipeName, Sampler
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.study_directory import (
    StudyDirectory,
    default_search,
    is_study,
    kind_of_study,
    named_study,
)
from artifacts.training_records import Recipe
from artifacts.tuning_records import Choices, Range, TuningStudy
from commands.console import log
from commands.main import Invocation, command_line
from commands.networks import chosen_network
from commands.progress import loading, search_progress, step_progress
from commands.run_data import dataset_spec
from data import Dataset, load_dataset
from data.splits import TrainingIndices
from errors import ArtifactError, UsageError
from storage.writing import require_replaceable
from trainers.tuning import require_optuna

if TYPE_CHECKING:  # at run time it loads torch and Optuna
    from trainers.tuning.plan import SearchPlan


@dataclass(frozen=True, kw_only=True)
class TuningOptions:
    """The options of `tune`, as the user gave them."""

    model: str = "mlp"
    dataset: str = "digits"
    data_dir: Path | None = None
    image_size: tuple[int, int] | None = None
    recipe: RecipeName = "best"
    space: Path | None = None
    sampler: Sampler = "tpe"
    pruner: Pruner = "median"
    trials: int = 30
    timeout: float | None = None
    epochs: int | None = None
    val_split: float | None = None
    subset: float = 1.0
    seed: int = 0
    study: str | None = None
    storage: str | None = None
    device: str = "auto"
    threads: int | None = None


def tune_step(options: TuningOptions) -> tuple[StudyDirectory, TuningStudy]:
    """Search, or go on with a search; return where its record is, and the record."""
    require_optuna()
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            "tune", "a trial runs in one process", hint="start tune itself several times instead"
        )
    with loading():
        from trainers.processes import processes_of
        from trainers.tuning.objective import bench_for
        from trainers.tuning.search import Search
        from trainers.tuning.space import default_space
        from trainers.tuning.space_file import space_with_file
        from trainers.tuning.storage import storage_place

    invocation = click.get_current_context().ensure_object(Invocation)
    with processes_of(options.device) as processes:
        recipe, indices, dataset = _planned(options, processes.device.type)
        directory = _directory(options, recipe)
        space = default_space(recipe)
        if options.space is not None:
            space = space_with_file(space, options.space, recipe)
        place = storage_place(options.storage or str(directory.journal))
        _require_own(directory, place.shown)
        require_replaceable(directory.record)
        plan = _plan(options, directory, recipe, space, place.shown)
        bench = bench_for(dataset, indices, processes, options.threads)
        with search_progress() as progress, invocation.deferred_stop() as stop_requested:
            search = Search(
                plan=plan,
                directory=directory,
                bench=bench,
                watcher=progress,
                stop_requested=stop_requested,
                seconds=options.timeout,
                command=place.without_password(command_line()),
            )
            return directory, search.run(place)


def _planned(options: TuningOptions, device_type: str) -> tuple[Recipe, TrainingIndices, Dataset]:
    """Return the recipe of the defaults, which examples it takes, and the dataset."""
    from trainers.plan import planned_training

    with step_progress("dataset"):
        dataset = load_dataset(
            options.dataset, data_dir=options.data_dir, image_size=options.image_size
        )
    network = chosen_network(options.model, weights=None, pretrained=False, option="").network
    recipe, indices = planned_training(
        dataset.without_test(),
        spec=dataset_spec(dataset, options.dataset, options.data_dir, options.image_size),
        network=network,
        recipe=options.recipe,
        overrides={"epochs": options.epochs},
        val_split=options.val_split,
        subset=options.subset,
        seed=options.seed,
        device_type=device_type,
    )
    return recipe, indices, dataset


def _plan(
    options: TuningOptions,
    directory: StudyDirectory,
    recipe: Recipe,
    space: Mapping[str, Range | Choices],
    storage: str,
) -> "SearchPlan":
    from trainers.tuning.plan import SearchPlan
    from trainers.tuning.space import own_settings, settings_outside

    if outside := settings_outside(own_settings(recipe, space), space):
        log.info(
            "the recipe's own settings are not in the space (%s), and are not tried",
            ", ".join(outside),
        )
    return SearchPlan(
        name=directory.root.resolve().name,
        recipe=recipe,
        space=space,
        sampler=options.sampler,
        pruner=options.pruner,
        trials=options.trials,
        storage=storage,
    ).no_longer_than_its_grid()


def _directory(options: TuningOptions, recipe: Recipe) -> StudyDirectory:
    if options.study is None:
        return default_search(recipe.dataset.name, recipe.model.name)
    if not options.study.strip():  # an unset variable, most likely
        raise UsageError("--study", "wanted a name or a directory")
    return named_study(options.study)


def _require_own(directory: StudyDirectory, storage: str) -> None:
    """Return if the directory is free for this search, or holds this search.

    Raises:
        UsageError: it holds a run, another study, or the same one in another storage.
    """
    run = RunDirectory(directory.root)
    if run.recipe.is_file() or run.imported.is_file():
        raise UsageError("--study", f"{directory.root} holds a run: name another directory")
    if not is_study(directory.root):
        return
    try:
        kind = kind_of_study(directory)
        record = read_record(directory.record, TuningStudy) if kind == "tune" else None
    except ArtifactError as error:
        # What it is made of is in the storage.
        log.warning("%s; it is written anew", error)
        return
    if record is None:
        raise UsageError("--study", f"{directory.root} holds a study of {kind}: name another")
    if record.storage != storage:
        raise UsageError(
            "--storage", f"{directory.root} is kept in {record.storage}, not in {storage}"
        )
