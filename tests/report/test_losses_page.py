"""The pages of the two studies of losses say what their records hold, and draw it."""

from pathlib import Path

import numpy as np
import pytest

from artifacts.convexity_records import ConvexityStudy
from artifacts.json_records import read_record
from artifacts.losses_records import Estimate, LossesStudy
from artifacts.study_records import Surface
from report.contents import Contents
from report.convexity_study import contents_of_convexity, is_convex
from report.losses_plots import steps_told
from report.losses_study import contents_of_losses
from report.losses_tables import NO_DIFFERENCE, better
from report.losses_words import fastest_told
from report.numbers import percent
from report.surface_plot import surface_plot


@pytest.fixture(scope="module")
def convexity(studies: Path) -> ConvexityStudy:
    return read_record(studies / "runs" / "study-convexity" / "study.json", ConvexityStudy)


@pytest.fixture(scope="module")
def losses(studies: Path) -> LossesStudy:
    return read_record(studies / "runs" / "study-losses" / "study.json", LossesStudy)


def text_of(contents: Contents) -> str:
    return "\n".join(note for section in contents.sections for note in section.notes)


def test_convexity_page_tells_both_depths(convexity: ConvexityStudy) -> None:
    assert [is_convex(one) for one in convexity.results] == [True, False, True, False]
    contents = contents_of_convexity("mine", convexity)
    assert contents.passed is None
    assert contents.headline == (
        "With one linear layer mean squared error and cross-entropy behaved as a convex loss of the"
        " weights; with a hidden layer neither loss did."
    )
    (table,) = contents.sections[0].tables
    assert [row[:2] for row in table.rows] == [
        ("mean squared error", "1"),
        ("mean squared error", "2"),
        ("cross-entropy", "1"),
        ("cross-entropy", "2"),
    ]
    deep = convexity.result("mse-of-outputs", 2)
    assert f"by theory {deep.origin_eigenvalue_by_theory:.6g}" in text_of(contents)
    assert "Laurent and von Brecht (2018)" in text_of(contents)
    assert "One linear layer gets all" not in text_of(contents)


def test_convexity_page_says_that_classes_were_separable(convexity: ConvexityStudy) -> None:
    separable = convexity.model_copy(update={"separable": True})
    assert "cross-entropy has no minimum" in text_of(contents_of_convexity("mine", separable))


def test_headline_follows_what_was_measured(convexity: ConvexityStudy) -> None:
    bent = convexity.results[0].model_copy(update={"random_chords_below": 1})
    changed = convexity.model_copy(update={"results": (bent, *convexity.results[1:])})
    headline = contents_of_convexity("mine", changed).headline
    assert headline.startswith("With one linear layer cross-entropy behaved")


def test_chord_plot_draws_the_losses_and_the_chord(convexity: ConvexityStudy) -> None:
    plots = {plot.name: plot for plot in contents_of_convexity("mine", convexity).plots}
    assert set(plots) == {"chord", "curvature", "scaled-mse-of-outputs", "scaled-cross-entropy"}
    losses, straight, *_ = plots["chord"].figure.axes[0].lines
    chord = convexity.result("mse-of-outputs", 2).chord
    assert list(np.asarray(losses.get_ydata())) == list(chord.losses)
    assert list(np.asarray(straight.get_ydata())) == [chord.losses[0], chord.losses[-1]]


def test_losses_page_tells_both_tasks(losses: LossesStudy) -> None:
    contents = contents_of_losses("mine", losses)
    text = text_of(contents)
    for task in losses.tasks:
        assert f"{len(task.classes)} classes ({', '.join(task.classes)})" in text
        assert f"to {percent(task.target_accuracy)} at any learning rate" in text
    tables = next(section for section in contents.sections if section.anchor == "accuracy").tables
    assert len(tables) == 4
    outcome = losses.tasks[0].outcomes[0]
    row = tables[0].rows[0]
    assert row[0] == "cross-entropy"
    assert row[2].startswith(percent(outcome.accuracy.mean))
    assert contents.headline.endswith(
        "only cross-entropy was seen to be a convex loss of one layer's weights."
    )


def test_losses_page_has_all_plots_under_names_of_their_own(losses: LossesStudy) -> None:
    names = [plot.name for plot in contents_of_losses("mine", losses).plots]
    kinds = ("speed", "rates", "gradient", "plane-cross-entropy", "plane-mse-of-probabilities")
    expected = {f"{kind}-{n}" for kind in (*kinds, "line", "curvature") for n in (2, 3)}
    assert set(names) == expected
    assert len(names) == len(expected)


def test_rate_at_the_edge_of_the_grid_is_told(losses: LossesStudy) -> None:
    task = losses.tasks[0]
    rates = task.outcomes[0].rates
    outcomes = {
        rate.learning_rate: task.outcomes[0].model_copy(
            update={"learning_rate": rate.learning_rate}
        )
        for rate in rates
    }
    for rate, outcome in outcomes.items():
        changed = task.model_copy(update={"outcomes": (outcome, task.outcomes[1])})
        text = text_of(contents_of_losses("mine", losses.model_copy(update={"tasks": (changed,)})))
        is_edge = rate in (rates[0].learning_rate, rates[-1].learning_rate)
        assert (f"cross-entropy with {len(task.classes)} classes" in text) == is_edge


@pytest.mark.parametrize(
    ("low", "high", "more_is_better", "told"),
    [
        (0.1, 0.2, True, "cross-entropy"),
        (0.1, 0.2, False, "mean squared error"),
        (-0.2, -0.1, True, "mean squared error"),
        (-0.2, -0.1, False, "cross-entropy"),
        (-0.1, 0.1, True, NO_DIFFERENCE),
        (0.0, 0.1, True, NO_DIFFERENCE),
    ],
)
def test_better_is_told_only_where_the_interval_leaves_no_doubt(
    low: float, high: float, more_is_better: bool, told: str
) -> None:
    estimate = Estimate(mean=(low + high) / 2, ci95=(low, high), smallest=low, largest=high)
    assert better(estimate, more_is_better=more_is_better) == told


def test_steps_are_told_with_seeds_that_never_came() -> None:
    assert steps_told((30, 10, 20)) == "10 to 30"
    assert steps_told((30, None, 20)) == "20 to 30; 1 of 3 seeds never"
    assert steps_told((None, None)) == "never"


def test_fastest_rate_is_that_with_the_least_median_and_never_counts_as_late(
    losses: LossesStudy,
) -> None:
    task = losses.tasks[0]
    slow, quick, *others = task.outcomes[0].rates
    rates = (
        slow.model_copy(update={"steps_to_target": (5, None, None)}),
        quick.model_copy(update={"steps_to_target": (20, 10, None)}),
        *(one.model_copy(update={"steps_to_target": (None, None, None)}) for one in others),
    )
    never = [one.model_copy(update={"steps_to_target": (None,)}) for one in rates]
    outcomes = (
        task.outcomes[0].model_copy(update={"rates": rates}),
        task.outcomes[1].model_copy(update={"rates": tuple(never)}),
    )
    told = fastest_told(task.model_copy(update={"outcomes": outcomes}))
    fastest = f"cross-entropy 20 (rate {quick.learning_rate:g}; 10 to 20; 1 of 3 seeds never)"
    assert f"{fastest}, mean squared error never." in told


def test_surface_without_any_slope_is_drawn() -> None:
    grid = (0.0, 1.0, 2.0)
    flat = Surface(first=grid, second=grid, losses=((1.0,) * 3,) * 3, highest_bulge=0.0)
    plot = surface_plot(
        flat, name="flat", title="", caption="", axes_names=("a", "b"), marks={"here": (1, 1)}
    )
    assert plot.rows[0] == ("0", "0", "1")


def test_surface_of_another_size_than_its_grid_is_refused() -> None:
    grid = (0.0, 1.0, 2.0)
    with pytest.raises(ValueError, match="lengths differ: 3, 2"):
        Surface(first=grid, second=grid, losses=((1.0,) * 3,) * 2, highest_bulge=0.0)
    with pytest.raises(ValueError, match="lengths differ: 3, 4"):
        Surface(first=grid, second=grid, losses=((1.0,) * 4,) * 3, highest_bulge=0.0)
