"""`compare`: evaluations of any runs side by side, in one table."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import COMPARED_COLUMNS
from commands.completion_values import runs_and_files, word_list, words
from commands.options import LARGEST_BATCH, output_options
from errors import UsageError

if TYPE_CHECKING:  # at run time they load pydantic
    from report.columns import Column
    from report.comparison import Comparison, NamedEvaluation, NetworkAdvice

PLOT_FORMATS = (".svg", ".png", ".pdf")


@click.command("compare")
@click.argument(
    "places",
    nargs=-1,
    type=click.Path(path_type=Path),
    metavar="[RUN|FILE]...",
    shell_complete=runs_and_files,
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="NAME|PATH",
    shell_complete=runs_and_files,
    help="The baseline that all others are held against.  [default: the first]",
)
@click.option(
    "--columns",
    metavar="NAME,...",
    shell_complete=word_list(COMPARED_COLUMNS),
    help=f"What to show: {', '.join(COMPARED_COLUMNS)}.  [default: what tells the rows apart, and"
    " what fits 80 columns]",
)
@click.option(
    "--sort",
    metavar="COLUMN",
    shell_complete=words(*COMPARED_COLUMNS),
    help="Put the best first by this column; -COLUMN the worst; what was not measured comes last.",
)
@click.option("--reverse", is_flag=True, help="With --sort: the other way round.")
@click.option(
    "--batch-size",
    type=click.IntRange(1, LARGEST_BATCH),
    help="Whose times are compared.  [default: the largest that all timed]",
)
@click.option(
    "--pareto",
    is_flag=True,
    help="Mark what is dominated in accuracy, latency and size; say what to take; draw a plot.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where --pareto draws its plot: .svg, .png or .pdf.  [default: RUN/pareto.svg]",
)
@click.option("--markdown", is_flag=True, help="Print a table for a README or a pull request.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all fields, not rounded, as CSV.")
@output_options
def command(
    places: tuple[Path, ...],
    against: Path | None,
    columns: str | None,
    sort: str | None,
    reverse: bool,
    batch_size: int | None,
    pareto: bool,
    plot: Path | None,
    markdown: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show evaluations side by side: all of each RUN, and any evaluation's JSON FILE.

    A directory of runs is all runs in it. Without an argument those of the run made last. A
    difference to the baseline is marked only where intervals say that it is no chance.

    \b
    Examples: python cli.py compare runs/mnist-mlp runs/mnist-lenet5 --sort accuracy
              python cli.py compare --pareto runs/svhn-gray-resnet18
              python cli.py compare earlier.json runs/mnist-mlp --columns run,accuracy --markdown
    """
    from commands.compared_evaluations import read_evaluations
    from commands.console import print_json, show_log
    from commands.run_data import require_no_file_of_a_run, run_or_last
    from report.columns import default_columns

    show_log()
    _require_one_form({"--markdown": markdown, "--csv": as_csv, "--json": as_json})
    if plot is not None and not pareto:
        raise UsageError("--plot", "wants --pareto")
    require_no_file_of_a_run("--plot", plot)
    if plot is not None and plot.suffix not in PLOT_FORMATS:
        raise UsageError("--plot", f"wanted a name in {', '.join(PLOT_FORMATS)}, found {plot}")
    chosen = _chosen_columns(columns)
    order = _order(sort, reverse=reverse)
    evaluations, baseline = read_evaluations(places or (run_or_last(None).root,), against)
    size = _batch_size(evaluations, batch_size)
    networks = _advice(evaluations, size, plot) if pareto else None
    comparison = _comparison(evaluations, baseline, size, order, networks)
    shown = chosen or default_columns(comparison.rows, pareto=pareto)
    if as_json:
        print_json(comparison.to_dict())
    elif as_csv:
        from report.csv_table import csv_of

        sys.stdout.write(csv_of(comparison.rows, chosen))
    elif markdown:
        from report.markdown_table import markdown_of

        sys.stdout.write(markdown_of(comparison, shown))
    else:
        from commands.comparison_table import print_comparison

        print_comparison(comparison, shown)


def _require_one_form(forms: dict[str, bool]) -> None:
    given = [option for option, is_given in forms.items() if is_given]
    if len(given) > 1:
        raise UsageError(given[0], f"cannot be given with {given[1]}: each is a form of its own")


def _chosen_columns(names: str | None) -> "tuple[Column, ...] | None":
    from report.columns import chosen_columns

    if names is None:
        return None
    return chosen_columns([name.strip() for name in names.split(",")], "--columns")


def _order(sort: str | None, *, reverse: bool) -> "tuple[Column, bool] | None":
    """Return the column to sort by, and whether the worst comes first."""
    from report.columns import chosen_columns

    if sort is None:
        if reverse:
            raise UsageError("--reverse", "wants --sort")
        return None
    (column,) = chosen_columns([sort.removeprefix("-")], "--sort")
    return column, sort.startswith("-") != reverse


def _comparison(
    evaluations: "list[NamedEvaluation]",
    baseline: "NamedEvaluation",
    batch_size: int | None,
    order: "tuple[Column, bool] | None",
    networks: "tuple[NetworkAdvice, ...] | None",
) -> "Comparison":
    from report.columns import sorted_rows
    from report.comparison import Comparison, compared_evaluations, notes_of

    rows = compared_evaluations(evaluations, baseline, batch_size)
    if order is not None:
        rows = sorted_rows(rows, order[0], is_reversed=order[1])
    return Comparison(
        batch_size=batch_size,
        baseline=baseline.name,
        rows=rows,
        notes=notes_of(rows),
        networks=networks,
    )


def _batch_size(evaluations: "list[NamedEvaluation]", asked: int | None) -> int | None:
    """Return the size whose times are compared; None where none was timed by all that timed."""
    from report.pareto import common_batch_sizes

    timed = [each.evaluation for each in evaluations if each.evaluation.latency]
    if asked is None:
        return max(common_batch_sizes(timed), default=None)
    sizes = {size for evaluation in timed for size in common_batch_sizes([evaluation])}
    if asked not in sizes:
        found = ", ".join(str(size) for size in sorted(sizes)) or "nothing"
        raise UsageError("--batch-size", f"none has timed {asked}; they have timed: {found}")
    return asked


def _advice(
    evaluations: "list[NamedEvaluation]", batch_size: int | None, plot: Path | None
) -> "tuple[NetworkAdvice, ...]":
    """Return what to take of each network, and draw its plot."""
    from commands.progress import step_progress
    from report.comparison import NetworkAdvice, networks_of
    from report.recommendation import advice_on

    networks = networks_of(evaluations)
    if plot is not None and len(networks) > 1:
        raise UsageError("--plot", f"wants one network, found {len(networks)}")
    advice: list[NetworkAdvice] = []
    with step_progress("plots") as progress:
        for network in networks:
            progress("plots", len(advice), len(networks))
            advice.append(
                NetworkAdvice(
                    run=network[0].run,
                    recommendations=advice_on([each.evaluation for each in network]),
                    plot=_draw(network, batch_size, plot),
                )
            )
    return tuple(advice)


def _draw(
    network: "list[NamedEvaluation]", batch_size: int | None, plot: Path | None
) -> str | None:
    """Draw a network's plot and return its path; None where nothing was timed or no run has it."""
    from commands.compared_evaluations import run_of
    from report.pareto import points_at
    from report.pareto_plot import save_pareto_plot

    run = run_of(network[0])
    path = plot or (run.root / "pareto.svg" if run else None)
    points = points_at([each.evaluation for each in network], batch_size or 0)
    if path is None or not points:
        return None
    cpu = network[0].evaluation.environment.cpu
    save_pareto_plot(path, points, f"{network[0].run}, batches of {batch_size} ({cpu})")
    return str(path)
