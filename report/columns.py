"""The columns of a comparison: what each shows, how it is sorted, and which are shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from artifacts.changes import Interval
from artifacts.choices import COMPARED_COLUMNS, PRECISIONS, ComparedColumn
from errors import UsageError
from report.comparison import ComparedEvaluation
from report.marks import Mark

Value = str | float | None  # None: not measured


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        name: that options call it by.
        heading: above it, a unit in its second line.
        field: of a row, that it shows.
        form: writes the field's value.
        form_of_bound: writes a bound of its interval, where it has one in `interval`.
        interval: the row's field that has it.
        mark: the row's field that marks a difference to the baseline.
        missing: stands where there is no value.
        most_is_best: sorting begins with the largest value; else with the smallest.
        is_text: it is written to the left.
        widest: of a text in a terminal; a longer one goes on in the next line.
    """

    name: ComparedColumn
    heading: str
    field: str
    form: Callable[[float], str] = "{:,.0f}".format
    form_of_bound: Callable[[float], str] = "{:.2f}".format
    interval: str | None = None
    mark: str | None = None
    missing: str = "none"
    most_is_best: bool = False
    is_text: bool = False
    widest: int = 11

    def value(self, row: ComparedEvaluation) -> Value:
        """Return what it shows of a row, as it was measured."""
        value: Value = getattr(row, self.field)
        return value

    def text(self, row: ComparedEvaluation) -> str:
        """Return the value as it is shown, rounded."""
        value = self.value(row)
        if value is None:
            is_itself = self.name == "float32" and row.precision == "float32"
            return "" if is_itself or self.name == "dominated" else self.missing
        if isinstance(value, str):
            return value.removeprefix(f"{row.run}/") if self.name == "dominated" else value
        text = self.form(value + 0.0)
        if self.name == "lost" and row.loss_is_more_than_chance:
            return f"{text}!"
        if self.name == "float32" and _is_slower(row):
            return f"SLOWER {text}"
        return text

    def interval_text(self, row: ComparedEvaluation) -> str:
        """Return the value's interval as it is shown; an empty text where there is none."""
        bounds: Interval | None = getattr(row, self.interval) if self.interval else None
        return "-".join(self.form_of_bound(bound) for bound in bounds) if bounds else ""

    def mark_of(self, row: ComparedEvaluation) -> Mark | None:
        """Return whether a row is better or worse than the baseline in this."""
        mark: Mark | None = getattr(row, self.mark) if self.mark else None
        return mark


def four_digits(number: float) -> str:
    """Return a number with four digits, three of them behind the point at most."""
    whole = len(str(int(abs(number))))
    return f"{number:,.{max(0, min(3, 4 - whole))}f}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.2f}"


_TWO_DIGITS = "{:.2f}".format
_COLUMNS = (
    Column(name="run", heading="run", field="run", is_text=True),
    Column(name="network", heading="network", field="network", is_text=True),
    Column(name="dataset", heading="dataset", field="dataset", is_text=True),
    Column(name="precision", heading="precision", field="precision", is_text=True, widest=9),
    Column(name="provider", heading="on", field="provider", is_text=True),
    Column(
        name="accuracy",
        heading="accuracy\n%",
        field="accuracy_percent",
        form=_TWO_DIGITS,
        form_of_bound="{:.1f}".format,
        interval="accuracy_ci95_percent",
        mark="accuracy_mark",
        most_is_best=True,
        missing="no labels",
    ),
    Column(name="lost", heading="points\nlost", field="points_lost", form=_TWO_DIGITS),
    Column(name="flips", heading="flips", field="flips"),
    Column(
        name="difference",
        heading="largest\ndiff",
        field="largest_logit_difference",
        form="{:.1e}".format,
    ),
    Column(
        name="p50",
        heading="median\nms",
        field="p50_ms",
        form=four_digits,
        form_of_bound=four_digits,
        interval="p50_ci95_ms",
        mark="p50_mark",
        missing="not timed",
    ),
    Column(
        name="rate",
        heading="images\na second",
        field="images_per_second",
        missing="not timed",
        most_is_best=True,
    ),
    Column(
        name="float32",
        heading="speed by\nfloat32's",
        field="speed_by_float32",
        form=_TWO_DIGITS,
        interval="speed_by_float32_ci95",
        missing="not timed",
        most_is_best=True,
    ),
    Column(
        name="pytorch",
        heading="speed by\nPyTorch's",
        field="speed_by_pytorch",
        form=_TWO_DIGITS,
        interval="speed_by_pytorch_ci95",
        missing="not timed",
        most_is_best=True,
    ),
    Column(name="size", heading="size\nMB", field="file_bytes", form=_megabytes),
    Column(name="parameters", heading="parameters", field="parameters"),
    Column(
        name="calibration",
        heading="calibration\nerror",
        field="expected_calibration_error",
        form="{:.4f}".format,
    ),
    Column(name="verdict", heading="verdict", field="verdict", is_text=True),
    Column(name="dominated", heading="dominated\nby", field="dominated_by", is_text=True, widest=9),
    Column(name="cpu", heading="CPU", field="cpu", is_text=True),
    Column(name="threads", heading="threads", field="threads", missing="not timed"),
)
COLUMNS: dict[ComparedColumn, Column] = {column.name: column for column in _COLUMNS}
WHICH = ("run", "precision", "provider")  # tell rows apart
WHAT = ("accuracy", "lost", "p50", "float32", "size", "verdict")


def chosen_columns(names: Sequence[str], option: str) -> tuple[Column, ...]:
    """Return the columns of these names.

    Raises:
        UsageError: there is no such column; `option` named it.
    """
    for name in names:
        if name not in COLUMNS:
            raise UsageError(
                option, f"unknown column {name!r}: wanted one of {', '.join(COMPARED_COLUMNS)}"
            )
    return tuple(column for name in dict.fromkeys(names) for column in [COLUMNS[name]])  # type: ignore[index]


def default_columns(rows: Sequence[ComparedEvaluation], *, pareto: bool) -> tuple[Column, ...]:
    """Return what tells the rows apart and what matters most of them; fits 80 columns."""
    which = [name for name in WHICH if not _is_common(COLUMNS[name], rows)]  # type: ignore[index]
    what = [*WHAT, *(["dominated"] if pareto else [])]
    if "run" in which and "provider" in which:
        what.remove("size")
    if "run" in which and pareto:
        what.remove("float32")
    return chosen_columns([*(which or ["precision"]), *what], "--columns")


def common_facts(
    rows: Sequence[ComparedEvaluation], shown: Sequence[Column]
) -> tuple[tuple[str, str], ...]:
    """Return name and value of what is the same in all rows and not shown in a column."""
    return tuple(
        (name, str(COLUMNS[name].value(rows[0])))
        for name in ("run", "network", "dataset", "precision", "provider")
        if COLUMNS[name] not in shown and _is_common(COLUMNS[name], rows)
    )


def sorted_rows(
    rows: Sequence[ComparedEvaluation], column: Column, *, is_reversed: bool
) -> tuple[ComparedEvaluation, ...]:
    """Return the rows with the best first, or last if reversed; missing values are always last."""
    present = [row for row in rows if column.value(row) is not None]
    missing = [row for row in rows if column.value(row) is None]
    # sorted(reverse=True) keeps rows that are equal in their order.
    ordered = sorted(
        present, key=lambda row: _key(column, row), reverse=column.most_is_best != is_reversed
    )
    return (*ordered, *missing)


def _key(column: Column, row: ComparedEvaluation) -> tuple[float, str]:
    value = column.value(row)
    if column.name == "precision" and value in PRECISIONS:
        return PRECISIONS.index(value), ""
    if column.name == "verdict":
        return value != "pass", ""
    return (0.0, value) if isinstance(value, str) else (value or 0.0, "")


def _is_common(column: Column, rows: Sequence[ComparedEvaluation]) -> bool:
    return len({column.value(row) for row in rows}) == 1


def _is_slower(row: ComparedEvaluation) -> bool:
    return row.speed_by_float32_ci95 is not None and row.speed_by_float32_ci95[1] < 1
