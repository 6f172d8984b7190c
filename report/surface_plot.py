"""A loss on a grid of two directions, as lines of equal loss."""

from collections.abc import Mapping, Sequence

import numpy as np

from artifacts.study_records import Surface
from report.drawing import INK, MUTED, SERIES, Plot, new_figure

# Shares of the range from the least to the largest loss: more lines where it is small.
LEVELS = (0.01, 0.03, 0.07, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 0.97)
LISTED_EVERY = 5  # points of the grid, in the table of its numbers
FLAT = 1e-12  # no lines are drawn on less


def surface_plot(
    surface: Surface,
    *,
    name: str,
    title: str,
    caption: str,
    axes_names: tuple[str, str],
    marks: Mapping[str, tuple[float, float]],
) -> Plot:
    """Return the plot.

    Args:
        surface: what is drawn.
        name: of the plot.
        title: of it.
        caption: of it.
        axes_names: what the first and the second direction are.
        marks: points that have a name.
    """
    losses = np.array(surface.losses)
    low, high = float(losses.min()), float(losses.max())
    with new_figure(4.2) as (figure, axes):
        if high - low > FLAT:
            lines = axes.contour(
                surface.first,
                surface.second,
                losses,
                levels=[low + share * (high - low) for share in LEVELS],
                colors=SERIES[0],
                linewidths=1.0,
            )
            axes.clabel(lines, fontsize=7, fmt=lambda level: f"{level:.3g}", colors=INK)
        for told, (first, second) in marks.items():
            axes.plot(first, second, color=SERIES[1], marker="o", markersize=5, linestyle="none")
            axes.annotate(
                told,
                (first, second),
                textcoords="offset points",
                xytext=(5, 5),
                size=8,
                color=INK,
            )
        axes.axhline(0, color=MUTED, linewidth=0.6)
        axes.axvline(0, color=MUTED, linewidth=0.6)
        axes.grid(visible=False)
        axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
    return Plot(
        name=name,
        title=title,
        caption=caption,
        figure=figure,
        columns=(axes_names[0], axes_names[1], "loss"),
        rows=_rows(surface),
    )


def _rows(surface: Surface) -> Sequence[tuple[str, ...]]:
    return [
        (f"{first:g}", f"{second:g}", f"{loss:.4g}")
        for second, row in list(zip(surface.second, surface.losses, strict=True))[::LISTED_EVERY]
        for first, loss in list(zip(surface.first, row, strict=True))[::LISTED_EVERY]
    ]
