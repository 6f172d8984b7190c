"""Variants of a run as a table that fits 80 columns, and what to take."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from artifacts.evaluation_records import Evaluation
from artifacts.json_records import Record
from commands.console import results
from report.pareto import Point, common_batch_sizes, dominating, points_at, recommended


class ComparedVariant(Record):
    """One row: a variant on a provider."""

    precision: str
    provider: str
    verdict: str
    accuracy_percent: float | None
    points_lost: float | None  # beside PyTorch in float32
    loss_is_chance: bool
    p50_ms: float
    p50_ci95_ms: tuple[float, float] | None
    beside_float32: float | None  # float32's median over this one's, from one run
    beside_float32_ci95: tuple[float, float] | None
    file_bytes: int
    dominated_by: str | None


class Recommendation(Record):
    """What to take at a batch size, and why."""

    batch_size: int
    take: str | None
    why: str


class Comparison(Record):
    """What `compare` prints of one run."""

    run: str
    network: str
    batch_size: int
    variants: tuple[ComparedVariant, ...]
    recommendations: tuple[Recommendation, ...]
    plot: str | None


def pareto_document(
    run: Path, evaluations: Sequence[Evaluation], batch_size: int, plot: Path | None
) -> Comparison:
    """Return the comparison of a run's variants at one batch size, and advice for all."""
    points = points_at(evaluations, batch_size)
    return Comparison(
        run=str(run),
        network=points[0].name,
        batch_size=batch_size,
        variants=tuple(_variant(point, points) for point in points),
        recommendations=tuple(
            _recommendation(size, points_at(evaluations, size))
            for size in common_batch_sizes(evaluations)
        ),
        plot=str(plot) if plot else None,
    )


def print_pareto(document: Comparison, *, pareto: bool) -> None:
    """Print the table; with `pareto` what is dominated, the advice and where the plot is."""
    results.print(
        f"{document.network} in {document.run}, batches of {document.batch_size}",
        markup=False,
        emoji=False,
        soft_wrap=True,
    )
    results.print(_table(document, pareto=pareto))
    if not pareto:
        return
    for advice in document.recommendations:
        take = f"take {advice.take}" if advice.take else "take nothing"
        results.print(
            f"batch {advice.batch_size}: {take}: {advice.why}", markup=False, soft_wrap=True
        )
    results.print(f"plot: {document.plot}", markup=False, soft_wrap=True)


def _table(document: Comparison, *, pareto: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    table.add_column("variant", no_wrap=True)
    for title in ("accuracy\n%", "points\nlost", "median\nms", "speed by\nfloat32's", "size\nMB"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict")
    if pareto:
        table.add_column("dominated\nby", no_wrap=True)
    for row in document.variants:
        cells = [
            f"{row.precision} {row.provider}",
            "none" if row.accuracy_percent is None else f"{row.accuracy_percent:.2f}",
            _points(row),
            f"{row.p50_ms:.3f}",
            _speed(row),
            f"{row.file_bytes / 1e6:.2f}",
            row.verdict,
        ]
        table.add_row(*cells, *([_dominated_by(row)] if pareto else []))
    return table


def _points(row: ComparedVariant) -> str:
    if row.points_lost is None:
        return "none"
    # An exclamation mark where McNemar's test says that the loss is more than chance.
    return f"{row.points_lost + 0:.2f}{'' if row.loss_is_chance else '!'}"


def _speed(row: ComparedVariant) -> str:
    if row.beside_float32 is None:
        return "" if row.precision == "float32" else "not timed"
    return f"{'SLOWER ' if _is_slower(row) else ''}{row.beside_float32:.2f}"


def _is_slower(row: ComparedVariant) -> bool:
    return row.beside_float32_ci95 is not None and row.beside_float32_ci95[1] < 1


def _dominated_by(row: ComparedVariant) -> str:
    if row.dominated_by is None:
        return ""
    precision, provider = row.dominated_by.split()
    return precision if provider == row.provider else row.dominated_by


def _variant(point: Point, points: Sequence[Point]) -> ComparedVariant:
    better = dominating(point, points)
    return ComparedVariant(
        precision=point.precision,
        provider=point.provider,
        verdict="pass" if point.passed else "fail",
        accuracy_percent=point.percent,
        points_lost=point.points_lost,
        loss_is_chance=point.is_loss_chance,
        p50_ms=point.p50_ms,
        p50_ci95_ms=point.p50_ci95_ms,
        beside_float32=point.beside_float32,
        beside_float32_ci95=point.beside_float32_ci95,
        file_bytes=point.file_bytes,
        dominated_by=f"{better.precision} {better.provider}" if better else None,
    )


def _recommendation(batch_size: int, points: Sequence[Point]) -> Recommendation:
    best = recommended(points)
    if best is None:
        return Recommendation(batch_size=batch_size, take=None, why="no variant passed")
    return Recommendation(batch_size=batch_size, take=best.label, why=_why(best, points))


def _why(best: Point, points: Sequence[Point]) -> str:
    if best.precision == "float32":
        others = [point for point in points if point is not best]
        if not others:
            return "nothing else was evaluated"
        measured = ", ".join(_measured(one) for one in others)
        return f"nothing that passed is faster by more than chance ({measured})"
    lost = "" if best.points_lost is None else f", {best.points_lost + 0:.2f} points lost"
    if best.beside_float32 is None:
        return f"median {best.p50_ms:.3f} ms{lost}"
    return f"{best.beside_float32:.2f} times float32's speed there{lost}"


def _measured(point: Point) -> str:
    failed = "" if point.passed else ", failed"
    if point.beside_float32 is None:
        return f"{point.label}: {point.p50_ms:.3f} ms{failed}"
    return f"{point.label}: {point.beside_float32:.2f} times its speed{failed}"
