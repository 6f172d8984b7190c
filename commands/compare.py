"""`compare`: evaluations of runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import LARGEST_BATCH, output_options
from errors import ArtifactError, UsageError

if TYPE_CHECKING:  # at run time it loads pydantic
    from artifacts.evaluation_records import Evaluation
    from artifacts.run_directory import RunDirectory

PLOT_FORMATS = (".svg", ".png", ".pdf")


@click.command("compare")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), metavar="[RUN]...")
@click.option(
    "--pareto",
    is_flag=True,
    help="Mark what is dominated in accuracy, latency and size; say what to take; draw a plot.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, LARGEST_BATCH),
    help="Whose latencies are compared.  [default: the largest that all evaluations timed]",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where --pareto draws its plot: .svg, .png or .pdf.  [default: RUN/pareto.svg]",
)
@output_options
def command(
    runs: tuple[Path, ...],
    pareto: bool,
    batch_size: int | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show every variant and provider of a run that was evaluated; the run made last unless named.

    \b
    Example: python cli.py compare --pareto runs/svhn-gray-resnet18
    """
    from commands.console import print_json, show_log
    from commands.pareto_table import pareto_document, print_pareto
    from commands.run_data import run_or_last

    show_log()
    if plot is not None:
        if not pareto:
            raise UsageError("--plot", "wants --pareto")
        if len(runs) > 1:
            raise UsageError("--plot", "wants one run")
        if plot.suffix not in PLOT_FORMATS:
            raise UsageError("--plot", f"wanted a name in {', '.join(PLOT_FORMATS)}, found {plot}")
    directories = [run_or_last(run) for run in runs] or [run_or_last(None)]
    documents = []
    for directory in directories:
        evaluations = _evaluations(directory)
        size = _batch_size(directory, evaluations, batch_size)
        drawn = (plot or directory.root / "pareto.svg") if pareto else None
        if drawn is not None:
            _draw(drawn, directory, evaluations, size)
        document = pareto_document(directory.root, evaluations, size, drawn)
        documents.append(document)
        if not as_json:
            print_pareto(document, pareto=pareto)
    if as_json:
        print_json([document.to_dict() for document in documents])


def _evaluations(run: "RunDirectory") -> "list[Evaluation]":
    from artifacts.evaluation_records import Evaluation
    from artifacts.export_records import Export
    from artifacts.json_records import read_record
    from artifacts.verification import stale
    from commands.console import log

    if not run.root.is_dir():
        raise ArtifactError(str(run.root), "no such run directory")
    export = read_record(run.export, Export) if run.export.is_file() else None
    found = []
    for path in sorted(run.evaluations.glob("*.json")):
        evaluation = read_record(path, Evaluation)
        problem = stale(evaluation, export) if export else None
        if problem:
            log.warning("%s is left out: it %s", path, problem)
        elif not evaluation.latency:
            log.warning("%s is left out: it timed nothing", path)
        else:
            found.append(evaluation)
    if not found:
        raise ArtifactError(
            str(run.root),
            "has no evaluation with latencies",
            hint=f"evaluate a variant with: python cli.py evaluate --run {run.root}",
        )
    return found


def _batch_size(run: "RunDirectory", evaluations: "list[Evaluation]", asked: int | None) -> int:
    from report.pareto import common_batch_sizes

    common = common_batch_sizes(evaluations)
    if asked is None and common:
        return common[-1]
    if asked in common:
        assert asked is not None
        return asked
    found = ", ".join(str(size) for size in common) or "none"
    raise UsageError("--batch-size", f"all evaluations of {run.root} have timed: {found}")


def _draw(path: Path, run: "RunDirectory", evaluations: "list[Evaluation]", size: int) -> None:
    from report.pareto import points_at
    from report.pareto_plot import save_pareto_plot

    cpu = evaluations[0].environment.cpu
    save_pareto_plot(
        path, points_at(evaluations, size), f"{run.root.name}, batches of {size} ({cpu})"
    )
