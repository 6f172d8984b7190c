"""Contents of runs to one HTML file that needs nothing else: no script, no network, no files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from artifacts.version import ONNXPROOF_VERSION
from report.contents import Contents
from report.drawing import Plot, inline_svg
from report.overview import Overview
from storage.writing import write_bytes

PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True, kw_only=True)
class _PlacedRun:
    """A run on the page; `anchor` is what links point to, and what its plots' names begin with."""

    anchor: str
    contents: Contents


def write_page(
    path: Path, runs: Sequence[Contents], *, overview: Overview | None, command: str
) -> None:
    """Write the page.

    Args:
        path: of the file that it replaces.
        runs: at least one.
        overview: of all of them; None where there is one.
        command: that made it.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["drawn"] = _drawn
    text = environment.get_template("report.html").render(
        title=runs[0].name if len(runs) == 1 else f"{len(runs)} networks",
        version=ONNXPROOF_VERSION,
        style=Markup((PAGE / "report.css").read_text()),
        date=datetime.now(UTC).strftime("%-d %B %Y, %H:%M UTC"),
        command=command,
        overview=overview,
        runs=[_placed(number, contents) for number, contents in enumerate(runs, start=1)],
    )
    write_bytes(path, text.encode())


def _placed(number: int, contents: Contents) -> _PlacedRun:
    """Give the run's plots names that no other run of the page has."""
    anchor = f"run-{number}"
    sections = [
        replace(
            section,
            plots=[replace(plot, name=f"{anchor}-plot-{plot.name}") for plot in section.plots],
        )
        for section in contents.sections
    ]
    return _PlacedRun(anchor=anchor, contents=replace(contents, sections=sections))


def _drawn(plot: Plot) -> Markup:
    return Markup(inline_svg(plot))  # ours; matplotlib escapes the names in it
