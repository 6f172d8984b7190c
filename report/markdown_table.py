"""A comparison as GitHub's Markdown: one table, what its marks mean, and the advice."""

import re
from collections.abc import Sequence

from rich.cells import cell_len

from report.columns import Column
from report.comparison import ComparedEvaluation, Comparison
from report.legend import ARROWS, heading, legend

# What GitHub would take for markup; a backslash before makes it text.
_SPECIAL = re.compile(r"[\\`*_~<\[|&#]")


def markdown_of(comparison: Comparison, columns: Sequence[Column]) -> str:
    """Return the document; every line ends with a newline."""
    title = heading(comparison, columns)
    parts = [[_escaped(title)]] if title else []
    parts.append(_table(comparison.rows, columns))
    lines = [*legend(comparison, columns, ARROWS), *_advice(comparison)]
    parts += [[f"- {_escaped(line)}" for line in lines]] if lines else []
    return "\n".join("\n".join(part) + "\n" for part in parts)


def _table(rows: Sequence[ComparedEvaluation], columns: Sequence[Column]) -> list[str]:
    head = [_escaped(column.heading.replace("\n", " ")) for column in columns]
    body = [[_cell(column, row) for column in columns] for row in rows]
    widths = [
        max(3, *(cell_len(cell) for cell in cells)) for cells in zip(head, *body, strict=True)
    ]
    rule = [
        "-" * width if column.is_text else "-" * (width - 1) + ":"
        for column, width in zip(columns, widths, strict=True)
    ]
    return [_line(cells, columns, widths) for cells in (head, rule, *body)]


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        space = " " * (width - cell_len(cell))
        padded.append(cell + space if column.is_text else space + cell)
    return f"| {' | '.join(padded)} |"


def _cell(column: Column, row: ComparedEvaluation) -> str:
    interval = column.interval_text(row)
    parts = [
        column.text(row),
        f"({interval})" if interval else "",
        ARROWS.of(column.mark_of(row)),
    ]
    return _escaped(" ".join(part for part in parts if part))


def _advice(comparison: Comparison) -> list[str]:
    return [
        line
        for network in comparison.networks or ()
        for advice in network.recommendations
        for line in [f"{network.run}, {advice.in_words()}"]
    ]


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))
