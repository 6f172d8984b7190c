"""`study convexity`: which loss makes a network of linear layers a convex problem."""

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
    from artifacts.convexity_records import ConvexityOfLoss, ConvexityStudy


@click.command("convexity")
@dataset_option("digits")
@data_dir_option
@seed_option()
@study_output_option("runs/study-convexity")
@output_options
def command(
    dataset: str, data_dir: Path | None, seed: int, output: Path | None, as_json: bool
) -> None:
    """Measure which loss is convex in the weights of one and of two linear layers.

    Hessians in float64 against closed forms, chords between weights, and where trainings from
    random weights end. Takes a minute on two CPUs.

    \b
    Example: python cli.py study convexity
    """
    from artifacts.json_records import document_of_record
    from commands.console import print_json, show_log
    from commands.main import command_line
    from commands.progress import loading
    from commands.study_steps import print_places, study_step

    show_log()
    with loading():
        from studies.convexity import convexity_study

    study, record = study_step(
        "convexity",
        lambda loaded, progress: convexity_study(
            loaded, seed=seed, command=command_line(), on_step=progress
        ),
        dataset=dataset,
        data_dir=data_dir,
        output=output,
    )
    if as_json:
        print_json(document_of_record(record))
        return
    _print_results(record)
    print_places(f"convexity on {record.dataset}", study)


def _print_results(record: "ConvexityStudy") -> None:
    from commands.wide_tables import print_rows

    headings = (
        *("loss", "layers", "eigenvalue\nat origin", "by theory", "smallest\non the path"),
        *("random chords\nbelow", "chord below\nby", "worst start\nless least"),
    )
    rows = [[[cell] for cell in _cells(one)] for one in record.results]
    print_rows(headings, rows, texts=("loss",), names=("loss", "layers"))


def _cells(one: "ConvexityOfLoss") -> tuple[str, ...]:
    return (
        one.loss,
        str(one.layers),
        f"{one.origin_eigenvalue:.4g}",
        f"{one.origin_eigenvalue_by_theory:.4g}",
        f"{min(one.path_eigenvalues):.4g}",
        f"{one.random_chords_below} of {one.random_chords:,}",
        f"{one.chord.highest_above:.4g}",
        f"{max(one.start_losses) - one.least_loss:.1e}",
    )
