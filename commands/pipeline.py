"""`pipeline`: train, export, evaluate and report several networks; ends with one table."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.networks import models_option
from commands.options import (
    batch_sizes_option,
    data_dir_option,
    dataset_option,
    image_size_option,
    output_options,
    provider_option,
    seed_option,
)
from errors import UsageError

if TYPE_CHECKING:  # at run time these load numpy and ONNX Runtime
    from artifacts.evaluation_records import Evaluation
    from artifacts.run_directory import RunDirectory
    from commands.training_steps import TrainingOptions
    from evaluate.evaluation import EvaluationOptions


@click.command("pipeline")
@models_option("mlp,lenet5,resnet18")
@dataset_option("digits")
@data_dir_option
@image_size_option
@provider_option()
@click.option("--epochs", type=click.IntRange(1, 10**9), help="For every network.")
@seed_option()
@batch_sizes_option
@output_options
def command(
    models: tuple[str, ...],
    dataset: str,
    data_dir: Path | None,
    image_size: tuple[int, int] | None,
    provider: str,
    epochs: int | None,
    seed: int,
    batch_sizes: tuple[int, ...] | None,
    as_json: bool,
) -> int:
    """Train, export, evaluate and report several networks; end with one table.

    \b
    Example: python cli.py pipeline --models mlp,lenet5 --dataset mnist
    """
    from artifacts.json_records import document_of_record
    from commands.console import log, print_json, show_log
    from commands.evaluation_table import print_networks
    from commands.report_steps import report_step
    from commands.training_steps import TrainingOptions
    from evaluate.evaluation import EvaluationOptions
    from evaluate.latency import LatencyOptions
    from evaluate.provider_trial import provider_failure
    from evaluate.session_options import SessionOptions
    from evaluate.timing import TimingOptions

    show_log()
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            "pipeline", "runs in one process", hint="use torchrun for train, then export, evaluate"
        )
    # A provider that does not work is better told before the trainings than after them.
    if failure := provider_failure(provider):
        raise failure
    options = EvaluationOptions(
        session=SessionOptions(provider=provider),
        timing=TimingOptions(latency=LatencyOptions(batch_sizes=batch_sizes)),
    )
    runs, evaluations, page = [], [], Path()
    for number, model in enumerate(models, start=1):
        training = TrainingOptions(
            model=model,
            dataset=dataset,
            data_dir=data_dir,
            image_size=image_size,
            overrides={"epochs": epochs},
            seed=seed,
        )
        place = f"{model} ({number} of {len(models)})"
        run, evaluation = _proved_network(training, options, place)
        runs.append(run)
        evaluations.append(evaluation)
        page = report_step([run]).page
    if len(runs) > 1:
        page = report_step(runs).page
    if as_json:
        print_json([document_of_record(evaluation) for evaluation in evaluations])
    else:
        print_networks(evaluations, f"{dataset}, ONNX Runtime's {provider} provider")
        log.info("report: %s", page)
    return 0 if all(e.verdict == "pass" for e in evaluations) else 1


def _proved_network(
    training: "TrainingOptions", options: "EvaluationOptions", place: str
) -> "tuple[RunDirectory, Evaluation]":
    """Return the run of a network that was trained, exported and evaluated.

    Args:
        training: the network, and what it learns.
        options: of the evaluation.
        place: which network of how many, for the log.
    """
    from commands.console import log
    from commands.evaluation_steps import evaluate_step
    from commands.export_steps import export_step
    from commands.training_steps import train_step

    log.info("%s: train", place)
    run, _ = train_step(training)
    log.info("%s: export", place)
    export_step(run)
    log.info("%s: evaluate", place)
    return run, evaluate_step(run, options)[0]
