"""The step of `study architectures`: every network its whole way, then all side by side."""

import re
from dataclasses import dataclass
from pathlib import Path

from artifacts.architecture_records import ArchitectureStudy, StudiedNetwork
from artifacts.chain import exported_network, trained_network
from artifacts.environment import current_environment
from artifacts.evaluation_records import Evaluation
from artifacts.history import read_history
from artifacts.json_records import read_record, write_record
from artifacts.logits import load_reference
from artifacts.run_directory import RunDirectory
from artifacts.run_lock import locked_directory
from artifacts.study_directory import StudyDirectory
from artifacts.training_records import Recipe, Training
from commands.console import log
from commands.evaluation_steps import evaluate_step
from commands.export_steps import export_step
from commands.main import command_line
from commands.run_data import dataset_of_run
from commands.training_steps import TrainingOptions, train_step
from errors import ArtifactError, UnfinishedError, UsageError


@dataclass(frozen=True, kw_only=True)
class ArchitectureOptions:
    """The options of `study architectures`, as the user gave them."""

    models: tuple[str, ...]
    dataset: str
    data_dir: Path | None
    image_size: tuple[int, int] | None
    epochs: int
    subset: float
    seed: int
    provider: str
    batch_sizes: tuple[int, ...] | None


def architectures_step(study: StudyDirectory, options: ArchitectureOptions) -> ArchitectureStudy:
    """Train, export and evaluate every network; write the study's record and return it.

    Trainings and exports that are there already, by the same recipe, are taken as they are.
    Evaluations are all made anew, one right after the other: they are of the same state of the
    machine then.

    Raises:
        UsageError: two networks would have one name.
        OnnxproofError: as `train`, `export` and `evaluate` do.
    """
    from evaluate.provider_trial import provider_failure

    runs = _runs(study, options.models)
    # A provider that does not work is better told before the trainings than after them.
    if failure := provider_failure(options.provider):
        raise failure
    with locked_directory(study.root, option="--output", create=True, replaces=[study.record]):
        for number, (model, run) in enumerate(runs.items(), start=1):
            log.info("%s (%d of %d): train, export", model, number, len(runs))
            _train_and_export(run, model, options)
        evaluations = []
        for number, (model, run) in enumerate(runs.items(), start=1):
            log.info("%s (%d of %d): evaluate", model, number, len(runs))
            evaluations.append(_evaluate(run, options))
        found = _study(list(runs.values()), evaluations, options)
        write_record(study.record, found)
    return found


def _runs(study: StudyDirectory, models: tuple[str, ...]) -> dict[str, RunDirectory]:
    """Return the run of each network, in the study's directory."""
    runs: dict[str, RunDirectory] = {}
    for model in models:
        # Of the user's own FILE.py:FUNCTION the name that records have, which is without folders.
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).name)
        if any(run.root.name == name for run in runs.values()):
            raise UsageError("--models", f"two networks would be called {name}")
        runs[model] = RunDirectory(study.root / name)
    return runs


def _train_and_export(run: RunDirectory, model: str, options: ArchitectureOptions) -> None:
    training = TrainingOptions(
        model=model,
        dataset=options.dataset,
        data_dir=options.data_dir,
        image_size=options.image_size,
        run=run.root,
        overrides={"epochs": options.epochs},
        subset=options.subset,
        seed=options.seed,
        reuse=True,
    )
    try:
        train_step(training)
    except UnfinishedError as error:
        from trainers.train import GO_ON  # loaded by now

        if error.hint != GO_ON:
            raise
        hint = "the same command goes on"  # of itself: there is no --resume
        raise UnfinishedError(error.subject, error.problem, hint=hint) from error
    try:
        exported_network(run, "float32")
    except ArtifactError:  # nothing is there, it is of other weights, or it is damaged
        export_step(run, dataset=options.dataset, data_dir=options.data_dir)


def _evaluate(run: RunDirectory, options: ArchitectureOptions) -> Evaluation:
    from evaluate.evaluation import EvaluationOptions
    from evaluate.latency import LatencyOptions
    from evaluate.session_options import SessionOptions
    from evaluate.timing import TimingOptions

    wanted = EvaluationOptions(
        session=SessionOptions(provider=options.provider),
        timing=TimingOptions(latency=LatencyOptions(batch_sizes=options.batch_sizes)),
    )
    return evaluate_step(run, wanted, dataset=options.dataset, data_dir=options.data_dir)[0]


def _study(
    runs: list[RunDirectory], evaluations: list[Evaluation], options: ArchitectureOptions
) -> ArchitectureStudy:
    """Return the record of networks that were all evaluated."""
    from evaluate.side_by_side import pairs_of, right_answers
    from report.architecture_advice import advice_on_networks

    recipe = read_record(runs[0].recipe, Recipe)
    data = dataset_of_run(recipe.dataset, options.dataset, options.data_dir)
    labels = data.split("test").labels
    networks = [
        _network(run, evaluation) for run, evaluation in zip(runs, evaluations, strict=True)
    ]
    pairs = pairs_of(
        {
            network.name: right_answers(network.evaluation, load_reference(run.reference), labels)
            for run, network in zip(runs, networks, strict=True)
        }
    )
    return ArchitectureStudy(
        epochs=options.epochs,
        subset=options.subset,
        seed=options.seed,
        train_examples=recipe.train_examples,
        val_examples=recipe.val_examples,
        networks=tuple(networks),
        pairs=pairs,
        advice=advice_on_networks(networks, pairs),
        environment=current_environment(),
        command=command_line(),
    )


def _network(run: RunDirectory, evaluation: Evaluation) -> StudiedNetwork:
    from models.cost import all_multiply_adds
    from models.meta import built_without_numbers

    recipe = trained_network(run).recipe
    assert recipe is not None  # it was trained here
    network = built_without_numbers(**recipe.model.model_dump())
    return StudiedNetwork(
        run=run.root.name,
        hyperparameters=recipe.hyperparameters,
        training=read_record(run.training, Training),
        history=read_history(run.history),
        multiply_adds=all_multiply_adds(network, recipe.dataset.image_shape),
        # Which images it got wrong is on the run's own page.
        evaluation=evaluation.model_copy(update={"shown": None}),
    )
