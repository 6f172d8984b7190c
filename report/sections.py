"""A part of a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from report.drawing import Plot
from report.galleries import Gallery
from report.tables import Table


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page, in this order: tables, notes, plots, galleries.

    Of a study the notes come first: they are its text, a paragraph each.
    """

    anchor: str
    title: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    galleries: Sequence[Gallery] = ()
