"""Tables of any number of columns on a terminal: in as many parts as its width needs, none cut."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, chop_cells
from rich.table import Table
from rich.text import Text

from commands.console import results
from commands.streams import in_one_line

_PIECES = re.compile(r"[^-_/. ]*[-_/. ]|[^-_/. ]+")  # where a name may be broken


@dataclass(frozen=True, kw_only=True)
class ShownColumn:
    """A column as it is printed.

    Attributes:
        heading: above it, in lines.
        cells: one a row, each in lines.
        is_text: it is written to the left.
        names_rows: it says what each row is, so that every part of the table needs it.
    """

    heading: str
    cells: Sequence[Sequence[str]]
    is_text: bool = False
    names_rows: bool = False

    @property
    def width(self) -> int:
        """Columns of the terminal that it needs."""
        lines = [*self.heading.split("\n"), *(line for cell in self.cells for line in cell)]
        return max(cell_len(line) for line in lines)


def print_wide_table(columns: Sequence[ShownColumn]) -> None:
    """Print the columns in one table, or in several where the terminal is too narrow for one."""
    for part in _parts(columns):
        table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
        for column in part:
            table.add_column(
                column.heading,
                justify="left" if column.is_text else "right",
                no_wrap=not column.is_text,
                overflow="fold",
            )
        for cells in zip(*(column.cells for column in part), strict=True):
            table.add_row(*(Text("\n".join(lines)) for lines in cells))
        results.print(table)


def print_rows(
    headings: Sequence[str],
    rows: Sequence[Sequence[Sequence[str]]],
    *,
    texts: Collection[str],
    names: Collection[str],
) -> None:
    """Print rows of cells, each in lines, under their headings.

    Args:
        headings: of the columns.
        rows: at least one; a cell a column.
        texts: headings of columns that are written to the left.
        names: headings of columns that say what a row is.
    """
    print_wide_table(
        [
            ShownColumn(
                heading=heading,
                cells=cells,
                is_text=heading in texts,
                names_rows=heading in names,
            )
            for heading, cells in zip(headings, zip(*rows, strict=True), strict=True)
        ]
    )


def folded(name: str, width: int) -> list[str]:
    """Return a name in lines, broken after a hyphen, slash or the like where that is possible."""
    lines = [""]
    for piece in _PIECES.findall(in_one_line(name)):
        # What takes no place on the screen, such as a lone modifier, is left out by rich.
        for part in chop_cells(piece, width) or [piece]:
            if cell_len(lines[-1] + part) > width:
                lines.append("")
            lines[-1] += part
    return [line.rstrip(" ") for line in lines]


def _parts(columns: Sequence[ShownColumn]) -> list[list[ShownColumn]]:
    names = [column for column in columns if column.names_rows]
    parts = [list(names)]
    for column in columns:
        if column.names_rows:
            continue
        part = [*parts[-1], column]
        taken = sum(one.width + 1 for one in part) + 1  # and a space at either end
        if taken > results.width and len(parts[-1]) > len(names):
            parts.append([*names, column])
        else:
            parts[-1] = part
    # Within one table the columns stand as they were asked for.
    return [[column for column in columns if column in part] for part in parts]
