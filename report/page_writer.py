"""Contents of runs and studies to one HTML file that needs nothing else: no script, no network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from artifacts.version import ONNXPROOF_VERSION
from report.contents import Contents
from report.drawing import Plot, inline_svg
from report.numbers import count
from report.overview import Overview
from storage.writing import write_bytes

PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A run or a study on the page.

    `anchor` is what links point to, and what its plots' names begin with.
    """

    anchor: str
    contents: Contents


def write_page(
    path: Path, parts: Sequence[Contents], *, overview: Overview | None, command: str
) -> None:
    """Write the page.

    Args:
        path: of the file that it replaces.
        parts: at least one; runs come before studies.
        overview: of all runs; None where there are not several.
        command: that made it.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["drawn"] = _drawn
    text = environment.get_template("report.html").render(
        title=_title(parts),
        version=ONNXPROOF_VERSION,
        style=Markup((PAGE / "report.css").read_text()),
        date=datetime.now(UTC).strftime("%-d %B %Y, %H:%M UTC"),
        command=command,
        overview=overview,
        parts=[_placed(number, contents) for number, contents in enumerate(parts, start=1)],
    )
    write_bytes(path, text.encode())


def _title(parts: Sequence[Contents]) -> str:
    if len(parts) == 1:
        return parts[0].name
    studies = sum(part.is_study for part in parts)
    kinds = {"network": len(parts) - studies, "study": studies}
    told = [
        count(number, kind, "studies" if kind == "study" else None)
        for kind, number in kinds.items()
        if number
    ]
    return " and ".join(told)


def _placed(number: int, contents: Contents) -> _Placed:
    """Give its plots names that no other part of the page has."""
    anchor = f"part-{number}"
    sections = [
        replace(
            section,
            plots=[replace(plot, name=f"{anchor}-plot-{plot.name}") for plot in section.plots],
        )
        for section in contents.sections
    ]
    return _Placed(anchor=anchor, contents=replace(contents, sections=sections))


def _drawn(plot: Plot) -> Markup:
    return Markup(inline_svg(plot))  # ours; matplotlib escapes the names in it
