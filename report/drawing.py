"""How plots are drawn: one look for files and for the page, where colours follow light and dark.

A figure is drawn once, in the colours of the light page. Inside the page each of them becomes a
variable of its style sheet; in a file they stay as they are.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from storage.writing import replacing

INK, MUTED, GRID, PAPER = "#1c2128", "#59636e", "#d1d9e1", "#fffffe"
# Okabe and Ito's, which people who see colours differently can tell apart; without its yellow,
# which white paper swallows, and without black.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")  # colour is never the only difference
# The page's style sheet has these names for both schemes (page/report.css).
CSS_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
WIDTH_INCHES = 5.0  # on a phone its text is still read
PNG_DPI = 200
# By the ratio of the largest value to the smallest: which multiples of powers of ten are written.
TICKS = {1000: (1.0,), 50: (1.0, 3.0), 20: (1.0, 2.0, 5.0), 2: (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)}
LEAST_RATIO = min(TICKS)  # for a logarithmic axis
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it is found, read aloud, and set in the page's font
    "svg.hashsalt": "onnxproof",  # the same records give the same file
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure with all that somebody needs who does not see it.

    Attributes:
        name: of its files, and of its place in the page; lower case and hyphens.
        title: what it is of.
        caption: what to see in it.
        figure: the drawing.
        columns: what the columns of `rows` are.
        rows: the numbers that are drawn.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    columns: Sequence[str]
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)


@contextlib.contextmanager
def new_figure(
    height_inches: float = 3.1, width_inches: float = WIDTH_INCHES
) -> Iterator[tuple[Figure, Axes]]:
    """Give an empty figure and its axes, which have the look of all plots while the block runs."""
    with _in_style():
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        yield figure, figure.add_subplot()


@contextlib.contextmanager
def _in_style() -> Iterator[None]:
    """Let the block draw in the look of all plots."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Of a class named in Chinese or by an emoji: in a page the reader's own fonts have it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def legend_above(figure: Figure, columns: int = 3) -> None:
    """Put the legend above the axes, where it hides nothing."""
    drawn = figure.legend(
        loc="outside upper left", ncols=columns, fontsize=8.5, borderpad=0, columnspacing=1.2
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)  # dollar signs of a run's name are no formula


def in_percent(axis: Axis) -> None:
    """Write an axis of fractions in percent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))


def scale_for_ratios(axes: Axes, along: Literal["x", "y"], unit: str = "") -> None:
    """Let equal ratios be equally far apart where values span some, with ticks that can be read.

    Args:
        axes: that hold all that is drawn already.
        along: which of its two.
        unit: stands behind each number.
    """
    axis = axes.xaxis if along == "x" else axes.yaxis
    low, high = axis.get_data_interval()
    if low > 0 and high / low >= LEAST_RATIO:  # else no power of ten might be left to write at
        (axes.set_xscale if along == "x" else axes.set_yscale)("log")
        subs = next(subs for least, subs in TICKS.items() if high / low >= least)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{unit}"))


def save_plot(path: Path, figure: Figure) -> None:
    """Write the figure as a file whose name ends in .svg, .png or .pdf.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    # Without the date, so that the same records give the same file.
    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(
        path.suffix, {}
    )
    with replacing(path) as temporary, _in_style():
        figure.savefig(temporary, dpi=PNG_DPI, metadata=metadata)


def inline_svg(plot: Plot) -> str:
    """Return the figure as an <svg> element for the page, its names its own."""
    buffer = io.StringIO()
    with _in_style():
        plot.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Its style sheet would be the whole page's; report.css says the same of plots alone.
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = _as_image(svg, plot.name)
    svg = _with_own_names(svg, plot.name)
    for colour, variable in CSS_VARIABLES.items():
        svg = svg.replace(colour, variable)
    # Matplotlib's font is not on every machine: the page's own is.
    return re.sub(r"font-family: [^;\"]*;? ?", "", svg)


def _as_image(svg: str, name: str) -> str:
    """Let the element be as wide as its place, and be one image for who hears the page."""
    head, rest = svg.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*pt"', "", head)
    head = re.sub(r' xmlns(:\w+)?="[^"]*"| version="[^"]*"', "", head)
    rest = rest.replace("xlink:href", "href")
    return f'{head} role="img" aria-labelledby="{name}-title {name}-caption">{rest}'


def _with_own_names(svg: str, prefix: str) -> str:
    """Let no two plots of a page share an id."""
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    return svg.replace("url(#", f"url(#{prefix}-")
