"""What the scenarios `offline` and `server` measured."""

from collections.abc import Sequence

from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import Throughput
from report.names import name_of
from report.numbers import NOT_MEASURED, milliseconds, times
from report.tables import Table


def scenario_tables(evaluations: Sequence[Evaluation]) -> list[Table]:
    """Return a table for each scenario that was measured."""
    offline = [one for one in evaluations if one.offline is not None]
    server = [one for one in evaluations if one.server is not None]
    return [
        *([_offline_table(offline)] if offline else []),
        *([_server_table(server)] if server else []),
    ]


def _offline_table(evaluations: Sequence[Evaluation]) -> Table:
    rows = []
    for evaluation in evaluations:
        found = evaluation.offline
        assert found is not None
        rows.append(
            (
                name_of(evaluation),
                str(found.batch_size),
                _images_per_second(found),
                NOT_MEASURED if found.pytorch is None else _images_per_second(found.pytorch),
                times(found.speedup, found.speedup_ci95),
            )
        )
    return Table(
        caption="Scenario offline: all test images at once, images a second and 95% interval",
        columns=("evaluation", "batch", "ONNX Runtime", "PyTorch", "ratio"),
        rows=rows,
    )


def _server_table(evaluations: Sequence[Evaluation]) -> Table:
    rows = []
    for evaluation in evaluations:
        found = evaluation.server
        assert found is not None
        rate = found.queries_per_second
        held = [trial for trial in found.trials if trial.queries_per_second == rate]
        rows.append(
            (
                name_of(evaluation),
                f"{found.bound_ms:g} ms",
                "no rate that was tried" if rate is None else f"{rate:,.0f} a second",
                milliseconds(held[0].p99_ms) if held else NOT_MEASURED,
                f"{held[0].mean_batch:.1f} of {found.largest_batch}" if held else NOT_MEASURED,
            )
        )
    return Table(
        caption="Scenario server: the largest rate of random arrivals that holds the bound",
        columns=("evaluation", "bound of p99", "rate", "p99 at that rate", "mean batch"),
        rows=rows,
    )


def _images_per_second(throughput: Throughput) -> str:
    told = f"{throughput.images_per_second:,.0f}"
    if throughput.ci95 is None:
        return told
    low, high = throughput.ci95
    return f"{told} ({low:,.0f} to {high:,.0f})"
