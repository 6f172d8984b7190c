import csv
import io
import re

from rich.cells import cell_len

from report.columns import chosen_columns, default_columns
from report.comparison import Comparison, NamedEvaluation
from report.csv_table import csv_of
from report.markdown_table import markdown_of
from tests.report.evaluations import comparison_of, evaluation_of, int8_of, named, timed

FLOAT32 = named(evaluation_of(latency=(timed(2.0),)))
INT8 = named(int8_of(2.5, correct=960))


def markdown(comparison: Comparison, *names: str) -> str:
    columns = chosen_columns(names, "") or default_columns(comparison.rows, pareto=False)
    return markdown_of(comparison, columns)


def table_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_is_an_aligned_table_with_its_marks_explained() -> None:
    text = markdown(comparison_of(FLOAT32, INT8), "precision", "accuracy", "p50", "lost")
    head, rule, first, second = table_of(text)
    assert cells(head) == ["precision", "accuracy %", "median ms", "points lost"]
    assert re.fullmatch(r"\| -+ (\| -+: ){3}\|", rule)
    assert cells(first) == ["float32", "99.00 (98.2-99.5)", "2.000 (1.980-2.020)", "0.00"]
    assert cells(second)[1:3] == ["96.00 (94.6-97.0) ▼", "0.800 (0.792-0.808) ▲"]
    assert len({cell_len(line) for line in table_of(text)}) == 1
    assert "- ▲ better, ▼ worse than run/float32-cpu, by more than chance" in text


def test_markdown_explains_no_mark_that_cannot_be_there() -> None:
    assert "better" not in markdown(comparison_of(FLOAT32, INT8), "precision", "size")
    assert "better" not in markdown(comparison_of(FLOAT32))


def test_names_cannot_break_the_markdown() -> None:
    evil = NamedEvaluation(
        name="x", run="a|b\n`c` *d* \\ <e> 表", file="x", evaluation=INT8.evaluation
    )
    lines = table_of(markdown(comparison_of(FLOAT32, evil), "run", "accuracy"))
    assert len(lines) == 4
    assert {len(cells(line)) for line in lines} == {2}
    assert cells(lines[3])[0] == r"a\|b \`c\` \*d\* \\ \<e> 表"
    assert len({cell_len(line) for line in lines}) == 1


def test_csv_has_every_field_as_it_was_measured() -> None:
    comparison = comparison_of(FLOAT32, INT8, named(evaluation_of(latency=()), run='un,"timed"'))
    text = csv_of(comparison.rows, None)
    assert text.count("\r\n") == text.count("\n") == 4
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["run"] for row in rows] == ["run", "run", 'un,"timed"']
    reduced, record = rows[1], comparison.rows[1]
    assert record.accuracy_ci95_percent is not None
    assert float(reduced["accuracy_percent"]) == record.accuracy_percent
    assert float(reduced["accuracy_ci95_low_percent"]) == record.accuracy_ci95_percent[0]
    assert float(reduced["accuracy_ci95_high_percent"]) == record.accuracy_ci95_percent[1]
    assert (reduced["p50_ci95_low_ms"], reduced["p50_mark"]) == (repr(0.8 * 0.99), "better")
    assert reduced["loss_is_more_than_chance"] == ""
    assert {rows[2][name] for name in ("p50_ms", "p50_ci95_high_ms", "p50_mark")} == {""}


def test_csv_of_chosen_columns_has_their_fields_after_the_name() -> None:
    rows = comparison_of(FLOAT32, INT8).rows
    lost = rows[1].model_copy(update={"loss_is_more_than_chance": True})
    text = csv_of((lost,), chosen_columns(["p50", "lost"], ""))
    header, values = csv.reader(io.StringIO(text))
    assert header == [
        *("name", "points_lost", "loss_is_more_than_chance"),
        *("p50_ms", "p50_ci95_low_ms", "p50_ci95_high_ms", "p50_mark"),
    ]
    assert values[:3] == ["run/int8-cpu", "3.0", "true"]
