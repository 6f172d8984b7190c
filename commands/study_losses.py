"""`study losses`: cross-entropy against mean squared error for logistic regression."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import (
    data_dir_option,
    dataset_option,
    output_options,
    seed_option,
    study_output_option,
)

if TYPE_CHECKING:  # at run time they load pydantic
    from artifacts.losses_records import Estimate, LossesTask, LossOutcome


def _two_names(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    """Return the two names of a list such as 3,8; a callback of click's options."""
    if value is None:
        return None
    names = [part.strip() for part in value.split(",")]
    if len(names) != 2 or names[0] == names[1]:
        raise click.BadParameter(
            f"wanted two different classes with a comma between, found {value!r}"
        )
    return names[0], names[1]


@click.command("losses")
@dataset_option("digits")
@data_dir_option
@click.option(
    "--classes",
    "pair",
    callback=_two_names,
    metavar="NAME,NAME",
    help="The two classes that are told apart beside all of them.  [default: 3,8 where there are"
    " such, else the first two]",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 10**6),
    help="Passes over the training examples.  [default: 100; 10 from 10,000 examples on]",
)
@click.option(
    "--seeds",
    type=click.IntRange(2, 1000),
    metavar="N",
    help="Trainings of each loss and learning rate.  [default: 10; 5 from 10,000 examples on]",
)
@seed_option()
@study_output_option("runs/study-losses")
@output_options
def command(
    dataset: str,
    data_dir: Path | None,
    pair: tuple[str, str] | None,
    epochs: int | None,
    seeds: int | None,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Hold cross-entropy against mean squared error for logistic regression.

    One linear layer, trained with either loss at its own best learning rate: accuracy, calibration,
    speed, gradients at confident mistakes, the surfaces of the losses, and which one is convex.
    Takes a minute on `digits` and some on MNIST, on two CPUs.

    \b
    Examples: python cli.py study losses
              python cli.py study losses --dataset mnist --classes 4,9
    """
    from artifacts.json_records import document_of_record
    from commands.console import print_json, show_log
    from commands.main import command_line
    from commands.progress import loading
    from commands.study_steps import print_places, study_step

    show_log()
    with loading():
        from studies.losses import LossesOptions, losses_study

    options = LossesOptions(pair=pair, epochs=epochs, seeds=seeds, seed=seed)
    study, record = study_step(
        "losses",
        lambda loaded, progress: losses_study(
            loaded, options, command=command_line(), on_step=progress
        ),
        dataset=dataset,
        data_dir=data_dir,
        output=output,
    )
    if as_json:
        print_json(document_of_record(record))
        return
    for task in record.tasks:
        _print_task(task, len(record.seeds))
    print_places(f"losses on {record.dataset}", study)


def _print_task(task: "LossesTask", seeds: int) -> None:
    from commands.console import results
    from commands.wide_tables import print_rows

    title = f"classes {', '.join(task.classes)}: mean of {seeds} seeds and its 95% interval"
    results.print(title, markup=False, emoji=False, soft_wrap=True)
    headings = (
        *("loss", "rate", "test accuracy, %", "ECE, points", "log-likelihood\n(negative)"),
        *("Brier score", f"steps to\n{100 * task.target_accuracy:.2f}%"),
    )
    rows = [_cells(outcome) for outcome in task.outcomes]
    print_rows(headings, rows, texts=("loss",), names=("loss",))


def _cells(outcome: "LossOutcome") -> list[list[str]]:
    steps = [step for step in outcome.chosen.steps_to_target if step is not None]
    missing = len(outcome.chosen.steps_to_target) - len(steps)
    reached = f"{min(steps)} to {max(steps)}" if steps else "never"
    return [
        ["cross-entropy" if outcome.loss == "cross-entropy" else "MSE"],
        [f"{outcome.learning_rate:g}"],
        _two_lines(outcome.accuracy, 100, 2),
        _two_lines(outcome.calibration_error, 100, 2),
        _two_lines(outcome.negative_log_likelihood, 1, 4),
        _two_lines(outcome.brier_score, 1, 4),
        [reached, *([f"{missing} never"] if missing and steps else [])],
    ]


def _two_lines(estimate: "Estimate", times: int, digits: int) -> list[str]:
    low, high = (f"{times * end:.{digits}f}" for end in estimate.ci95)
    return [f"{times * estimate.mean:.{digits}f}", f"{low} to {high}"]
