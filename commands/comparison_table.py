"""A comparison on the terminal: tables no wider than it, what their marks mean, the advice."""

from collections.abc import Sequence

from commands.console import results
from commands.streams import in_one_line
from commands.wide_tables import ShownColumn, folded, print_wide_table
from report.columns import WHICH, Column
from report.comparison import ComparedEvaluation, Comparison
from report.legend import ARROWS, ASCII_SIGNS, Signs, heading, legend


def print_comparison(comparison: Comparison, columns: Sequence[Column]) -> None:
    """Print what the rows share, the rows, what their marks mean and what to take."""
    signs = ASCII_SIGNS if results.options.ascii_only else ARROWS
    _print_line(heading(comparison, columns))
    print_wide_table([_shown(column, comparison.rows, signs) for column in columns])
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


def _shown(column: Column, rows: Sequence[ComparedEvaluation], signs: Signs) -> ShownColumn:
    return ShownColumn(
        heading=column.heading,
        cells=[_lines(column, row, signs) for row in rows],
        is_text=column.is_text,
        names_rows=column.name in WHICH,
    )


def _lines(column: Column, row: ComparedEvaluation, signs: Signs) -> list[str]:
    if column.is_text:
        return folded(column.text(row), column.widest)
    first = " ".join(part for part in (column.text(row), signs.of(column.mark_of(row))) if part)
    interval = column.interval_text(row)
    return [first, interval] if interval else [first]
