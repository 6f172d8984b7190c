"""Several runs beside each other, at the top of their page."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from report.drawing import Plot
from report.names import name_of
from report.numbers import NOT_MEASURED, milliseconds, small, times
from report.pareto import are_comparable, common_batch_sizes, points_at
from report.pareto_plot import pareto_plot
from report.reading import RunRecords
from report.tables import Table, accuracy_cells

NOT_DRAWN = "Accuracy against latency is not drawn: some evaluations are"


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A row for each evaluation, and their accuracies against their latencies.

    Attributes:
        table: of all.
        plot: None where they cannot be drawn together; then `why_no_plot` says why.
        why_no_plot: in a sentence.
    """

    table: Table
    plot: Plot | None
    why_no_plot: str = ""


def overview_of(runs: Sequence[RunRecords]) -> Overview:
    """Return the overview of runs, at least two."""
    table = _table(runs)
    timed = [evaluation for run in runs for evaluation in run.evaluations if evaluation.latency]
    sizes = common_batch_sizes(timed)
    points = [
        replace(point, name=run.name)
        for run in runs
        for point in (points_at(run.evaluations, sizes[-1]) if sizes else ())
    ]
    if len({evaluation.dataset.split_sha256 for evaluation in timed}) > 1:
        return Overview(table=table, plot=None, why_no_plot=f"{NOT_DRAWN} of other test images.")
    if not all(are_comparable(*pair) for pair in itertools.combinations(points, 2)):
        why = f"{NOT_DRAWN} of other machines or numbers of threads."
        return Overview(table=table, plot=None, why_no_plot=why)
    if not sizes or not all(evaluation.accuracy for evaluation in timed):
        lacks = "no batch size was timed by all evaluations" if not sizes else "one has no labels"
        why = f"Accuracy against latency is not drawn: {lacks}."
        return Overview(table=table, plot=None, why_no_plot=why)
    return Overview(table=table, plot=pareto_plot(points, sizes[-1]))


def _table(runs: Sequence[RunRecords]) -> Table:
    rows: list[tuple[str, ...]] = []
    for run in runs:
        for evaluation in run.evaluations:
            timing = evaluation.latency[0] if evaluation.latency else None
            rows.append(
                (
                    run.name,
                    name_of(evaluation),
                    evaluation.verdict.upper(),
                    *accuracy_cells(evaluation.accuracy)[1:3],
                    small(evaluation.parity.max_abs) if evaluation.parity else "no reference",
                    NOT_MEASURED
                    if timing is None
                    else f"batch {timing.batch_size}: {milliseconds(timing.p50_ms)},"
                    f" {times(timing.speedup)}"
                    + ("" if timing.outputs_verified else ", of outputs that are not right"),
                )
            )
        if not run.evaluations:
            rows.append((run.name, "not evaluated", "not proved", *[NOT_MEASURED] * 4))
    return Table(
        caption="All runs of this page",
        columns=(
            "run",
            "evaluation",
            "verdict",
            "accuracy",
            "95% interval",
            "largest difference",
            "latency, and beside PyTorch",
        ),
        rows=rows,
    )
