"""The page of a search says what its record holds, and what that does not prove."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from scipy.stats import binomtest

from artifacts.tuning_records import Choices, TuningStudy
from report.contents import Contents
from report.drawing import inline_svg
from report.numbers import percent_interval
from report.sections import Section
from report.tuning_plots import history_plot, importance_plot, slice_plots
from report.tuning_study import MOST_SHOWN, contents_of_tuning
from tests.report.tuning import SPACE, STUDY, TRIALS, study_of, trial


def contents(study: TuningStudy = STUDY) -> Contents:
    return contents_of_tuning("a search", study)


def section(anchor: str, study: TuningStudy = STUDY) -> Section:
    return next(one for one in contents(study).sections if one.anchor == anchor)


def marks(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """What is drawn, by what the legend calls it."""
    return {
        str(line.get_label()): [
            (round(float(x), 6), round(float(y), 6))
            for x, y in zip(*np.broadcast_arrays(*line.get_data()), strict=True)
        ]
        for line in axes.lines
    }


def test_headline_tells_the_best_with_its_interval_and_its_lead() -> None:
    found = contents()
    other = binomtest(950, 1000).proportion_ci(method="wilson")  # the other way to it
    interval = percent_interval((other.low, other.high))
    assert f"95.00% of the validation images right (95% interval {interval})" in found.headline
    assert "5.00 points more than the recipe's own settings" in found.headline
    assert (found.passed, found.chain, found.commands) == (None, None, ["cli.py tune"])
    assert found.summary == (
        "mlp · tiny · 900 images to train on, 1,000 to validate · 7 of 8 trials"
    )


@pytest.mark.parametrize(
    ("study", "told"),
    [
        (study_of(trial(0, 0.9), trial(1, 0.8)), "nothing better was found"),
        (study_of(trial(0, 0.9), trial(1, 0.8), defaults=None), "were not measured beside it"),
        (study_of(trial(0, state="failed"), trial(1, 0.8)), "were not measured beside it"),
        (study_of(trial(0, state="failed")), "No trial was finished"),
        (study_of(defaults=None), "No trial was finished"),
    ],
)
def test_headline_says_what_is_not_known(study: TuningStudy, told: str) -> None:
    assert told in contents(study).headline


def test_every_search_can_be_drawn() -> None:
    studies = [
        STUDY,
        study_of(defaults=None, importances={}, no_importances="too few trials"),
        study_of(trial(0, 1.0)),  # nothing wrong, and no ratio to draw
        study_of(trial(0, 0.5, state="pruned")),
        study_of(trial(0, state="failed"), importances={}),
    ]
    for study in studies:
        for plot in contents(study).plots:
            assert "<svg" in inline_svg(plot)


@pytest.mark.parametrize(
    ("best", "told"),
    [(0.95, "but once in twenty searches"), (0.905, "does not show that anything is better")],
)
def test_lead_that_chance_may_give_is_not_called_one(best: float, told: str) -> None:
    study = study_of(trial(0, 0.9), trial(1, best), trial(2, 0.9))
    notes = " ".join(section("best", study).notes)
    assert told in notes
    assert "If all 3 trials were equally good" in notes
    assert "train --from-study=tune-tiny-mlp" in notes
    assert "The test split was not touched" in notes


def test_best_trials_come_first_and_the_recipe_is_among_them() -> None:
    table = section("best").tables[0]
    assert [row[0] for row in table.rows] == ["4", "5", "1", "0, the recipe"]
    assert table.columns[3:7] == ("lr", "widths", "dropout", "optimizer")
    assert table.rows[0][3:] == ("0.02", "128,64", "0.1", "sgd", "1 of 2", "2.0")
    many = study_of(trial(0, 0.1), *(trial(n, 0.5 + n / 100) for n in range(1, 31)))
    rows = section("best", many).tables[0].rows
    assert [row[0] for row in rows[:2]] == ["30", "29"]
    assert len(rows) == MOST_SHOWN + 1
    assert rows[-1][:2] == ("0, the recipe", "10.00%")


def test_history_draws_every_value_and_the_best_so_far() -> None:
    plot = history_plot(STUDY)
    drawn = marks(plot.figure.axes[0])
    assert drawn["whole training"] == [(0, 10), (1, 9), (5, 6)]
    assert drawn["pruned"] == [(2, 90)]
    assert drawn["best"] == [(4, 5)]
    assert drawn["best so far"] == [(0, 10), (1, 9), (4, 5), (5, 5), (6, 5)]
    assert {wrong for _, wrong in drawn["the recipe's own settings"]} == {10}
    assert plot.rows[2] == ("2", "pruned", "10.00%", "")
    assert plot.rows[3] == ("3", "failed", "none", "")
    assert plot.rows[5] == ("5", "complete", "94.00%", "95.00%")
    assert plot.figure.axes[0].get_yscale() == "log"


def test_slices_have_a_plot_for_each_setting_that_was_searched() -> None:
    plots = slice_plots(STUDY)
    assert [plot.columns[1] for plot in plots] == ["lr", "widths", "dropout"]
    rate, widths, dropout = (plot.figure.axes[0] for plot in plots)
    assert (rate.get_xscale(), dropout.get_xscale()) == ("log", "linear")
    low, high = rate.get_xlim()
    assert low <= 1e-3 < 1.0 <= high  # all that was searched, not what was tried
    assert marks(rate)["best"] == [(0.02, 5)]
    assert [label.get_text() for label in widths.get_xticklabels()] == ["64", "128,64"]
    drawn = [x for points in marks(widths).values() for x, _ in points]
    assert all(0.5 < x < 1.5 for x in drawn)
    assert len(set(drawn)) == len(drawn) == 5  # side by side
    assert plots[0].rows[0] == ("0", "0.05", "complete", "90.00%")


def test_slices_leave_out_trials_without_the_setting() -> None:
    without = TRIALS[1].model_copy(update={"settings": {"lr": 0.1}})
    plots = slice_plots(study_of(TRIALS[0], without))
    assert [len(plot.rows) for plot in plots] == [2, 1, 1]
    assert [plot.columns[1] for plot in slice_plots(study_of(without, defaults=None))] == ["lr"]


def test_importances_are_sorted_or_their_absence_is_explained() -> None:
    plot = importance_plot(STUDY)
    assert plot.rows == [("lr", "75.0%"), ("dropout", "20.0%"), ("widths", "5.0%")]
    bars = [bar.get_width() for bar in plot.figure.axes[0].patches]  # type: ignore[attr-defined]
    assert bars == [0.75, 0.2, 0.05]
    none = study_of(trial(0, 0.9), importances={}, no_importances="one trial is too few")
    assert section("importances", none).notes == [
        "Importances are not known: one trial is too few."
    ]


def test_course_counts_trials_by_what_became_of_them() -> None:
    told = section("history").notes[0]
    assert "4 complete, 1 ended early, 1 failed, 1 still running" in told
    assert "14 s, all trials together, by 2 workers" in told
    assert "TPE" in told
    assert "worse than the median" in told


def test_failures_are_told_where_there_are_some() -> None:
    (row,) = section("failed").tables[0].rows
    assert row[:3] == ("3", "the loss became nan", "1")
    assert "failed" not in [one.anchor for one in contents(study_of(trial(0, 0.9))).sections]


def test_space_is_told_with_scales_and_points() -> None:
    rows = section("settings").tables[0].rows
    assert rows[0] == ("lr", "0.001 to 1", "log", "0.001; 0.1")
    assert rows[1] == ("widths", "64; 128,64", "choices", "64; 128,64")
    assert len(rows) == len(SPACE)


def test_names_with_dollars_are_no_formulas() -> None:
    space = SPACE | {"$odd$": Choices(choices=(r"$\frac$", "b"))}
    named = TRIALS[0].model_copy(update={"settings": TRIALS[0].settings | {"$odd$": r"$\frac$"}})
    study = study_of(named, space=space, importances={"$odd$": 1.0})
    for plot in contents(study).plots:
        inline_svg(plot)
