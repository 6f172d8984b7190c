"""A comparison as CSV (RFC 4180): every field of a row, not rounded, its name with its unit."""

import csv
import io
from collections.abc import Sequence

from report.columns import Column
from report.comparison import ComparedEvaluation

_INTERVAL = "_ci95"


def csv_of(rows: Sequence[ComparedEvaluation], columns: Sequence[Column] | None) -> str:
    """Return the rows below a header; all fields, or those of the columns after the name.

    An interval is two fields, `..._ci95_low...` and `..._ci95_high...`. What was not measured is
    empty; true and false are words.
    """
    fields = list(ComparedEvaluation.model_fields)
    if columns is not None:
        shown = {
            field for column in columns for field in (column.field, column.interval, column.mark)
        }
        if "lost" in {column.name for column in columns}:
            shown.add("loss_is_more_than_chance")
        fields = ["name", *(field for field in fields if field in shown)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([header for field in fields for header in _headers(field)])
    for row in rows:
        writer.writerow([cell for field in fields for cell in _cells(row, field)])
    return text.getvalue()


def _headers(field: str) -> list[str]:
    if _INTERVAL not in field:
        return [field]
    return [field.replace(_INTERVAL, f"{_INTERVAL}_{bound}") for bound in ("low", "high")]


def _cells(row: ComparedEvaluation, field: str) -> list[object]:
    value = getattr(row, field)
    if _INTERVAL in field:
        return list(value or (None, None))
    return [str(value).lower() if isinstance(value, bool) else value]
