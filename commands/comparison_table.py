"""A comparison on the terminal: tables no wider than it, what their marks mean, the advice."""

import re
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, chop_cells
from rich.table import Table
from rich.text import Text

from commands.console import in_one_line, results
from report.columns import WHICH, Column
from report.comparison import ComparedEvaluation, Comparison
from report.legend import ARROWS, ASCII_SIGNS, Signs, heading, legend

_PIECES = re.compile(r"[^-_/. ]*[-_/. ]|[^-_/. ]+")  # where a name may be broken


def print_comparison(comparison: Comparison, columns: Sequence[Column]) -> None:
    """Print what the rows share, the rows, what their marks mean and what to take."""
    signs = ASCII_SIGNS if results.options.ascii_only else ARROWS
    _print_line(heading(comparison, columns))
    for block in _blocks(comparison.rows, columns, signs):
        results.print(_table(comparison.rows, block, signs))
    for line in legend(comparison, columns, signs):
        _print_line(line)
    for network in comparison.networks or ():
        _print_line(f"{network.run}:")
        for advice in network.recommendations:
            _print_line(f"  {advice.in_words()}")
        if network.plot is not None:
            _print_line(f"  plot: {network.plot}")


def _print_line(line: str) -> None:
    if line:
        results.print(in_one_line(line), markup=False, emoji=False, soft_wrap=True)


def _table(rows: Sequence[ComparedEvaluation], columns: Sequence[Column], signs: Signs) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    for column in columns:
        if column.is_text:
            table.add_column(column.heading, overflow="fold")
        else:
            table.add_column(column.heading, justify="right", no_wrap=True, overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(_lines(column, row, signs))) for column in columns))
    return table


def _blocks(
    rows: Sequence[ComparedEvaluation], columns: Sequence[Column], signs: Signs
) -> list[list[Column]]:
    """Return the columns in as many tables as the terminal's width needs; each names its rows."""
    widths = {column.name: _width(column, rows, signs) for column in columns}
    names = [column for column in columns if column.name in WHICH]
    blocks = [list(names)]
    for column in columns:
        if column in names:
            continue
        block = [*blocks[-1], column]
        taken = sum(widths[one.name] + 1 for one in block) + 1  # and a space at either end
        if taken > results.width and len(blocks[-1]) > len(names):
            blocks.append([*names, column])
        else:
            blocks[-1] = block
    # Within one table the columns stand as they were asked for.
    return [[column for column in columns if column in block] for block in blocks]


def _width(column: Column, rows: Sequence[ComparedEvaluation], signs: Signs) -> int:
    lines = [
        *column.heading.split("\n"),
        *(line for row in rows for line in _lines(column, row, signs)),
    ]
    return max(cell_len(line) for line in lines)


def _lines(column: Column, row: ComparedEvaluation, signs: Signs) -> list[str]:
    if column.is_text:
        return _folded(in_one_line(column.text(row)), column.widest)
    first = " ".join(part for part in (column.text(row), signs.of(column.mark_of(row))) if part)
    interval = column.interval_text(row)
    return [first, interval] if interval else [first]


def _folded(name: str, width: int) -> list[str]:
    """Return a name in lines, broken after a hyphen, slash or the like where that is possible."""
    lines = [""]
    for piece in _PIECES.findall(name):
        for part in chop_cells(piece, width):
            if cell_len(lines[-1] + part) > width:
                lines.append("")
            lines[-1] += part
    return [line.rstrip(" ") for line in lines]
