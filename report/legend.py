"""The lines around a comparison's table: what all rows share, and what the marks mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from report.columns import Column, common_facts
from report.comparison import Comparison
from report.marks import Mark


@dataclass(frozen=True, kw_only=True)
class Signs:
    """How marks are written."""

    better: str
    worse: str

    def of(self, mark: Mark | None) -> str:
        """Return the sign of a mark; an empty text without one."""
        return "" if mark is None else self.better if mark == "better" else self.worse


ARROWS = Signs(better="▲", worse="▼")
ASCII_SIGNS = Signs(better="+", worse="-")


def heading(comparison: Comparison, columns: Sequence[Column]) -> str:
    """Return in a line what the rows have in common."""
    facts = [f"{name} {value}" for name, value in common_facts(comparison.rows, columns)]
    if comparison.batch_size is not None:
        facts.append(f"batches of {comparison.batch_size}")
    return ", ".join(facts)


def legend(comparison: Comparison, columns: Sequence[Column], signs: Signs) -> tuple[str, ...]:
    """Return what explains the signs that these columns may show, and what was not compared."""
    lines = []
    fields = {column.mark for column in columns if column.mark}
    if fields and len(comparison.rows) > 1:
        lines.append(
            f"{signs.better} better, {signs.worse} worse than {comparison.baseline}, by more than"
            " chance (95% intervals)"
        )
    names = {column.name for column in columns}
    if "lost" in names and any(row.loss_is_more_than_chance for row in comparison.rows):
        lines.append("! a loss that is more than chance (McNemar's exact test)")
    lines += [note for note in comparison.notes if note.split()[0] in names]
    if comparison.batch_size is None and "p50" in names:
        lines.append("p50: there is no batch size that all have timed")
    return tuple(lines)
