import pytest

from artifacts.choices import COMPARED_COLUMNS
from errors import UsageError
from report.columns import (
    COLUMNS,
    chosen_columns,
    default_columns,
    four_digits,
    sorted_rows,
)
from report.comparison import ComparedEvaluation, networks_of
from report.recommendation import advice_on
from tests.report.evaluations import (
    comparison_of,
    evaluation_of,
    int8_of,
    named,
    rows_of,
    timed,
)

FLOAT32 = named(evaluation_of(latency=(timed(2.0),)))
INT8 = named(int8_of(2.5, correct=960))
OTHER = named(
    evaluation_of(500, model={"checkpoint_sha256": "7" * 64}, dataset={"split_sha256": "8" * 64}),
    run="other",
)


def test_row_says_what_was_measured() -> None:
    _, row = rows_of(FLOAT32, INT8)
    assert row.name == "run/int8-cpu"
    assert row.accuracy_percent == 96.0
    assert row.points_lost == pytest.approx(3.0)
    assert (row.p50_ms, row.batch_size, row.threads) == (0.8, 1, 2)
    assert row.speed_by_float32_ci95 == pytest.approx((2.45, 2.55))
    assert (row.accuracy_mark, row.p50_mark) == ("worse", "better")


def test_baseline_has_no_marks_and_others_are_marked_against_it() -> None:
    assert [row.p50_mark for row in rows_of(FLOAT32, INT8)] == [None, "better"]
    assert [row.p50_mark for row in rows_of(INT8, FLOAT32)] == [None, "worse"]


def test_row_that_timed_nothing_is_there_all_the_same() -> None:
    untimed = named(evaluation_of(latency=()), run="untimed")
    rows = rows_of(FLOAT32, untimed)
    assert (rows[1].p50_ms, rows[1].batch_size, rows[1].p50_mark) == (None, None, None)
    assert COLUMNS["p50"].text(rows[1]) == "not timed"
    assert all(row.p50_ms is None for row in rows_of(FLOAT32, untimed, batch_size=None))


def test_variant_is_dominated_only_by_one_of_its_network() -> None:
    better = named(evaluation_of(1000, latency=(timed(0.1),), model={"file_bytes": 1}), run="c")
    smaller = named(int8_of(2.5))
    assert rows_of(FLOAT32, smaller)[0].dominated_by == "run/int8-cpu"
    stranger = better.evaluation.model_copy(
        update={"model": better.evaluation.model.model_copy(update={"checkpoint_sha256": None})}
    )
    assert rows_of(FLOAT32, named(stranger, run="c"))[0].dominated_by is None


def test_networks_are_told_apart_by_weights_and_examples() -> None:
    foreign = [
        named(
            evaluation_of(model={"checkpoint_sha256": None, "onnx_sha256": digit * 64}), run=digit
        )
        for digit in "ab"
    ]
    groups = networks_of([FLOAT32, OTHER, INT8, *foreign])
    assert groups == [[FLOAT32, INT8], [OTHER], [foreign[0]], [foreign[1]]]


def test_notes_tell_what_was_not_compared_once_a_reason() -> None:
    fourth = [named(OTHER.evaluation, run=name) for name in ("b", "c", "d")]
    notes = comparison_of(FLOAT32, OTHER, *fourth).notes
    assert notes == (
        "accuracy is not compared: other examples (some, test): other/float32-cpu, b/float32-cpu,"
        " c/float32-cpu and 1 more",
    )


def test_advice_is_on_those_that_were_timed() -> None:
    untimed = evaluation_of(latency=())
    assert advice_on([untimed]) == ()
    (advice,) = advice_on([FLOAT32.evaluation, INT8.evaluation, untimed])
    assert advice.in_words() == (
        "batch 1: take int8 on cpu: 2.50 times float32's speed there, 3.00 points lost"
    )


def test_columns_are_those_that_options_name_and_show_fields_of_a_row() -> None:
    assert tuple(COLUMNS) == COMPARED_COLUMNS
    fields = {
        field
        for column in COLUMNS.values()
        for field in (column.field, column.interval, column.mark)
        if field is not None
    }
    assert fields <= set(ComparedEvaluation.model_fields)


def test_unknown_column_lists_the_right_ones() -> None:
    with pytest.raises(UsageError, match="unknown column 'speed': wanted one of run, network"):
        chosen_columns(["p50", "speed"], "--columns")


def test_default_columns_are_what_tells_the_rows_apart() -> None:
    def names(*rows: ComparedEvaluation, pareto: bool = False) -> list[str]:
        return [column.name for column in default_columns(rows, pareto=pareto)]

    what = ["accuracy", "lost", "p50", "float32", "size", "verdict"]
    alone, reduced, other = rows_of(FLOAT32, INT8, OTHER)
    assert names(alone) == names(alone, reduced) == ["precision", *what]
    assert names(alone, other) == ["run", *what]
    assert names(alone, reduced, pareto=True) == ["precision", *what, "dominated"]
    elsewhere = other.model_copy(update={"provider": "cuda"})
    assert "size" not in names(alone, reduced, elsewhere)


def test_sorting_begins_with_the_best_and_ends_with_what_is_missing() -> None:
    untimed = named(evaluation_of(980, latency=()), run="untimed")
    rows = rows_of(untimed, FLOAT32, INT8)

    def order(name: str, *, is_reversed: bool = False) -> list[str]:
        (column,) = chosen_columns([name], "--sort")
        return [row.name for row in sorted_rows(rows, column, is_reversed=is_reversed)]

    u, f, i = (row.name for row in rows)
    assert order("p50") == [i, f, u]
    assert order("p50", is_reversed=True) == [f, i, u]
    assert order("accuracy") == [f, u, i]
    assert order("accuracy", is_reversed=True) == [i, u, f]
    assert order("precision") == [u, f, i]
    assert order("run") == [f, i, u]
    assert order("verdict") == [u, f, i]  # all alike: as they were
    assert order("verdict", is_reversed=True) == [u, f, i]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0313, "0.031"), (2.8264, "2.826"), (69.296, "69.30"), (12345.6, "12,346")],
)
def test_milliseconds_have_four_digits(number: float, text: str) -> None:
    assert four_digits(number) == text


def test_cells_mark_what_is_slower_and_what_is_lost_by_more_than_chance() -> None:
    slow = rows_of(named(int8_of(0.4)))[0]
    assert COLUMNS["float32"].text(slow) == "SLOWER 0.40"
    assert COLUMNS["float32"].interval_text(slow) == "0.39-0.41"
    assert COLUMNS["float32"].text(rows_of(FLOAT32)[0]) == ""
    lost = slow.model_copy(update={"points_lost": 2.0, "loss_is_more_than_chance": True})
    assert COLUMNS["lost"].text(lost) == "2.00!"
