"""What all tables of measurements are made of."""

from collections.abc import Iterable, Sequence
from typing import Any

Measured = dict[str, Any]  # one file of results, with its name


def source_line(measured: Measured) -> str:
    """Return which command made the figures, at which commit, on which machine, when."""
    environment = measured["environment"]
    return (
        f"- `{measured['command']}`: commit {measured['commit'][:7]}, torch"
        f" {environment['versions']['torch']}, CPU {environment['cpu']},"
        f" {environment['cpus']} usable, {environment['date'][:10]}\n"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
