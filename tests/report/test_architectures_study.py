"""The page of `study architectures` tells what its record holds, and looks as it should."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from artifacts.json_records import write_record
from artifacts.study_directory import StudyDirectory
from commands.main import main
from report.architecture_plots import latency_plot, learning_plots
from report.architectures_study import contents_of_architectures
from report.drawing import Plot
from report.studies import contents_of_study
from tests.browser import DESKTOP, PHONE, ColourScheme, overflows, watched_page
from tests.report.architectures import network_of, right_of, study_of, three_networks

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PLOTS = ["accuracy-latency-1", "accuracy-latency-32", "accuracy-multiply-adds"]
PLOTS += ["learning-by-images", "learning-by-seconds"]


@pytest.fixture(scope="module")
def study_directory(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    study = StudyDirectory(tmp_path_factory.mktemp("studies") / "study-architectures")
    write_record(study.record, three_networks())
    return study


def test_page_tells_what_to_take_and_what_that_rests_on(study_directory: StudyDirectory) -> None:
    study = three_networks()
    contents = contents_of_study(study_directory, "a study")
    assert contents.is_study
    assert contents.passed is None
    assert contents.name == "a study"
    assert contents.headline.startswith("For batches of 1 and 32 take lenet5 when time decides")
    assert contents.summary.startswith("3 networks on some · 2 epochs of 90 images each · 1,000")
    assert [plot.name for plot in contents.plots] == PLOTS
    notes = " ".join(note for section in contents.sections for note in section.notes)
    assert all(one.sentence in notes for one in study.advice)
    assert "each network was trained once" in notes
    assert contents.commands == ["python cli.py study architectures", "cli.py train"]


def test_tables_hold_the_figures_of_the_record() -> None:
    choice, accuracy, learning, latency, _ = contents_of_architectures(
        "a", three_networks()
    ).sections
    (costs,), (pairs,), (seconds,), (timings,) = (
        section.tables for section in (choice, accuracy, learning, latency)
    )
    assert costs.rows[0] == (
        *("lenet5", "12", "0.0 M", "94.00%", "92.35 to 95.31%", "2.0 s", "0.100 ms", "2.000 ms"),
        *("0.00 MB", "pass"),
    )
    assert pairs.rows[0][:4] == ("lenet5, resnet18", "0", "40", "-4.00 points")
    assert pairs.rows[0][-1] == "resnet18 is more accurate"
    assert pairs.rows[2][:4] == ("resnet18, resnet50", "8", "10", "-0.20 points")
    assert pairs.rows[2][-1] == "may be chance"
    # An epoch takes lenet5 1 s, resnet18 50 s, resnet50 200 s; they validate 80%, then 90%.
    assert seconds.rows == [
        ("2.0 s, as lenet5 took", "90.00%", "no epoch finished", "no epoch finished"),
        ("100.0 s, as resnet18 took", "90.00%, done before", "90.00%", "no epoch finished"),
        ("400.0 s, as resnet50 took", *["90.00%, done before"] * 2, "90.00%"),
    ]
    assert len(timings.rows) == 6


def places_of(plot: Plot) -> list[list[float]]:
    """Where the marks of each curve lie along the axis below."""
    return [np.asarray(line.get_xdata()).tolist() for line in plot.figure.axes[0].lines]


def test_plots_draw_each_network_and_fill_those_to_take() -> None:
    study = three_networks()
    plot = latency_plot(study, 1)
    assert [(row[0], row[-1]) for row in plot.rows] == [
        ("lenet5", "yes"),
        ("resnet18", "yes"),
        ("resnet50", "no"),
    ]
    bars = plot.figure.axes[0].containers
    marks = [one.lines[0] for one in bars if isinstance(one, ErrorbarContainer)]
    assert [np.asarray(mark.get_xydata()).tolist() for mark in marks] == [
        [[0.1, 94.0]],
        [[5.0, 98.0]],
        [[20.0, 98.2]],
    ]
    assert [mark.get_markerfacecolor() == "none" for mark in marks] == [False, False, True]
    by_images, by_seconds = learning_plots(study)
    assert places_of(by_images) == [[90, 180]] * 3
    assert places_of(by_seconds) == [[1, 2], [50, 100], [200, 400]]


def test_schedule_that_does_not_end_at_nothing_is_not_said_to() -> None:
    study = three_networks()
    assert "falls to nothing" not in learning_plots(study)[0].caption  # a constant rate
    networks = [
        network.model_copy(
            update={
                "hyperparameters": network.hyperparameters.model_copy(
                    update={"schedule": "one-cycle"}
                )
            }
        )
        for network in study.networks
    ]
    one_cycle = study.model_copy(update={"networks": tuple(networks)})
    assert "falls to nothing" in learning_plots(one_cycle)[0].caption


def test_single_network_has_a_page_too() -> None:
    right_N = right_of(range(60))
    study = study_of([network_of("mlp", right_N, {1: 0.1})], [right_N])
    contents = contents_of_architectures("one", study)
    assert contents.headline.startswith("For batches of 1 take mlp")
    assert [plot.name for plot in contents.plots] == [PLOTS[0], *PLOTS[2:]]
    assert contents.sections[1].tables == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
def test_page_is_whole_at_every_width_in_both_schemes(
    chromium: "Browser",
    study_directory: StudyDirectory,
    size: tuple[int, int],
    colour_scheme: ColourScheme,
) -> None:
    assert main(["report", str(study_directory.root)]) == 0
    with watched_page(chromium, size, colour_scheme) as (page, watch):
        page.goto(study_directory.report.as_uri())
        assert watch.errors == []
        assert not overflows(page)
        assert page.locator("h2").all_text_contents() == ["Findings"]
        boxes = [plot.bounding_box() for plot in page.locator(".plot svg").all()]
        assert len(boxes) == len(PLOTS)
        for box in boxes:
            assert box is not None
            assert box["x"] + box["width"] <= size[0]
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
        missing = page.locator("[href^='#']").evaluate_all(
            "es => es.filter(e => !document.getElementById(e.getAttribute('href').slice(1))).length"
        )
        assert missing == 0
