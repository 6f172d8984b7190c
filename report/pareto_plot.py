"""Accuracy against latency as a picture: one mark a variant, its area the size of its file."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from artifacts.files import replacing
from report.pareto import Point, dominating

LARGEST_AREA = 900.0  # square points, of the largest file's mark
LEAST_AREA = 40.0
# Okabe and Ito's, which people who see colours differently can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def save_pareto_plot(path: Path, points: Sequence[Point], title: str) -> None:
    """Write the picture; a filled mark is on the front, an empty one is dominated.

    Args:
        path: ends in .svg, .png or .pdf.
        points: at one batch size.
        title: what they are of.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    colours = dict(zip(dict.fromkeys(point.provider for point in points), COLOURS, strict=False))
    largest = max(point.file_bytes for point in points) or 1
    for point in points:
        colour = colours.get(point.provider, "#000000")
        is_dominated = dominating(point, points) is not None
        axes.scatter(
            point.p50_ms,
            point.percent or 0.0,
            s=max(LEAST_AREA, LARGEST_AREA * point.file_bytes / largest),
            facecolors="none" if is_dominated else colour,
            edgecolors=colour,
            alpha=0.8,
        )
    _label(axes, points)
    axes.set(xlabel="median latency, ms (less is better)", ylabel="test accuracy, %", title=title)
    axes.set_xscale("log")
    for number_of in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        number_of(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axes.margins(0.2)
    axes.grid(visible=True, alpha=0.3)
    figure.supxlabel("area: size of the file; empty: another one is as good in everything", size=8)
    # Without the date, so that the same records give the same file.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with replacing(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "onnxproof"}):
        figure.savefig(temporary, dpi=150, metadata=metadata)


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Write each mark's name beside it, towards the middle, one above the other in turn."""
    latencies = [point.p50_ms for point in points]
    middle_ms = math.sqrt(min(latencies) * max(latencies))
    for number, point in enumerate(sorted(points, key=lambda point: (point.p50_ms, point.label))):
        is_left = point.p50_ms <= middle_ms
        axes.annotate(
            f"{point.label}, {point.file_bytes / 1e6:.2f} MB",
            (point.p50_ms, point.percent or 0.0),
            textcoords="offset points",
            xytext=(8 if is_left else -8, 12 if number % 2 else -18),
            horizontalalignment="left" if is_left else "right",
            size=8,
        )
