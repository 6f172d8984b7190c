"""Accuracy against latency as a picture: one mark a variant, its area the size of its file."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from artifacts.statistics import wilson_interval
from report.drawing import (
    MUTED,
    SERIES,
    Plot,
    legend_above,
    new_figure,
    save_plot,
    scale_for_ratios,
)
from report.numbers import NOT_MEASURED, megabytes, milliseconds, milliseconds_interval, percent
from report.pareto import Point, dominating

LARGEST_AREA = 900.0  # square points, of the largest file's mark
LEAST_AREA = 40.0
LEAST_POINTS = 0.5  # of accuracy, that the axis is made for


def save_pareto_plot(path: Path, points: Sequence[Point], title: str) -> None:
    """Write the picture; a filled mark is on the front, an empty one is dominated.

    Args:
        path: ends in .svg, .png or .pdf.
        points: at one batch size; those without an accuracy are left out.
        title: what they are of.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    save_plot(path, _figure(points, title))


def pareto_plot(points: Sequence[Point], batch_size: int) -> Plot:
    """Return the same for the page.

    Args:
        points: at least one, at that batch size.
        batch_size: images in a batch.
    """
    return Plot(
        name="pareto",
        title=f"Accuracy against latency, batches of {batch_size}",
        caption="Up and to the left is better; the area of a mark is the size of its file. An"
        " empty mark is dominated: another one is not slower beyond chance, gets as many images"
        f" right, is no larger, and is better in one of the three.{_chance(points)}",
        figure=_figure(points, None),
        columns=("variant", "accuracy", "median", "95% interval", "file", "dominated by"),
        rows=[_row(point, points) for point in points],
    )


def _figure(points: Sequence[Point], title: str | None) -> Figure:
    largest = max(point.file_bytes for point in points) or 1
    with new_figure(3.6 + 0.16 * len(points)) as (figure, axes):
        for number, point in enumerate(points):
            if point.percent is None:
                continue
            colour = SERIES[number % len(SERIES)]
            is_dominated = dominating(point, points) is not None
            axes.scatter(
                point.p50_ms,
                point.percent,
                s=max(LEAST_AREA, LARGEST_AREA * point.file_bytes / largest),
                facecolors="none" if is_dominated else colour,
                edgecolors=colour,
                alpha=0.8,
            )
            # In the legend all marks are small; between marks that lie together names would too.
            axes.plot(
                [],
                [],
                color=colour,
                linestyle="none",
                marker="o",
                markerfacecolor="none" if is_dominated else colour,
                label=f"{_name(point, points)}, {megabytes(point.file_bytes)}",
            )
        legend_above(figure, columns=2 if len({p.name for p in points}) == 1 else 1)
        axes.set(xlabel="median latency, ms (less is better)", ylabel="test accuracy, %")
        scale_for_ratios(axes, "x")
        axes.margins(0.2)
        axes.set_ylim(_accuracy_axis(points))
        if title:  # alone, without a caption
            axes.set_title(title, parse_math=False)
            told = "area: size of the file; empty: another one is as good in everything"
            figure.supxlabel(told, size=8, color=MUTED)
    return figure


def _accuracy_axis(points: Sequence[Point]) -> tuple[float, float]:
    """Return the ends of the axis in percent: not so near that nothing looks like much."""
    percents = [point.percent for point in points if point.percent is not None] or [0.0]
    room = 0.25 * max(max(percents) - min(percents), LEAST_POINTS)
    return min(percents) - room, min(max(percents) + room, 100 + 0.5 * room)


def _chance(points: Sequence[Point]) -> str:
    """Return how far accuracies are known, lest small steps of the axis be taken for large ones."""
    known = [
        wilson_interval(point.correct, point.examples)
        for point in points
        if point.correct is not None
    ]
    if not known:
        return ""
    widest = 50 * max(high - low for low, high in known)
    return f" With other images of the kind accuracies could differ by {widest:.2f} points."


def _name(point: Point, points: Sequence[Point]) -> str:
    """Return what tells a point from the others: its network too where there are several."""
    several = len({one.name for one in points}) > 1
    return f"{point.name}, {point.label}" if several else point.label


def _row(point: Point, points: Sequence[Point]) -> tuple[str, ...]:
    better = dominating(point, points)
    return (
        _name(point, points),
        NOT_MEASURED if point.percent is None else percent(point.percent / 100),
        milliseconds(point.p50_ms),
        milliseconds_interval(point.p50_ci95_ms),
        megabytes(point.file_bytes),
        "none" if better is None else _name(better, points),
    )
