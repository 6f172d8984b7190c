import itertools
import re
from pathlib import Path
from typing import Literal

import pytest

from report.drawing import (
    CSS_VARIABLES,
    Plot,
    inline_svg,
    legend_above,
    new_figure,
    save_plot,
    scale_for_ratios,
)

CSS = (Path(__file__).parents[2] / "report" / "page" / "report.css").read_text()


def plot(name: str) -> Plot:
    with new_figure() as (figure, axes):
        axes.plot([1, 2], [3, 4], marker="o", label="<b>& co")
        axes.legend()
        axes.set_title("a title")
    return Plot(name=name, title="t", caption="c", figure=figure, columns=("a",))


def test_inline_drawing_has_ids_of_its_own_that_all_lead_somewhere() -> None:
    first, second = (inline_svg(plot(name)) for name in ("one", "two"))
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in (first, second)]
    assert not set(ids[0]) & set(ids[1])
    assert len(set(ids[0])) == len(ids[0]) > 10
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', first)
    assert used
    assert set(used) <= set(ids[0])


def test_inline_drawing_takes_colours_and_font_of_the_page() -> None:
    svg = inline_svg(plot("one"))
    assert not [colour for colour in CSS_VARIABLES if colour in svg]
    assert "var(--ink)" in svg
    assert "font-family" not in svg
    assert "<style" not in svg
    assert "a title</text>" in svg  # text, not outlines
    assert 'role="img" aria-labelledby="one-title one-caption"' in svg
    assert "&lt;b&gt;&amp; co" in svg


@pytest.mark.parametrize("high", [1.1, 1.9, 2.1, 5.0, 30.0, 400.0, 30_000.0])
@pytest.mark.parametrize("along", ["x", "y"])
def test_axis_has_ticks_that_can_be_read(along: Literal["x", "y"], high: float) -> None:
    with new_figure() as (figure, axes):
        axes.plot([1.0, high], [1.0, high], "o")
        scale_for_ratios(axes, along, " ms")
    figure.draw_without_rendering()
    axis = axes.xaxis if along == "x" else axes.yaxis
    low_end, high_end = axis.get_view_interval()
    labels = [
        tick.label1
        for tick in axis.get_major_ticks()
        if low_end <= tick.get_loc() <= high_end and tick.label1.get_text()
    ]
    assert 2 <= len(labels) <= 12
    assert all(label.get_text().endswith(" ms") for label in labels)
    boxes = [label.get_window_extent() for label in labels]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
    assert not any(label.get_text() for label in axis.get_minorticklabels())


def test_names_that_the_font_lacks_are_no_warning(tmp_path: Path) -> None:
    with new_figure() as (figure, axes):
        axes.set_xticks([0, 1], ["猫", "🐕"])
    named = Plot(name="one", title="t", caption="c", figure=figure, columns=("a",))
    assert "猫" in inline_svg(named)
    save_plot(tmp_path / "one.png", figure)


def test_names_with_dollar_signs_are_no_formula_in_a_legend() -> None:
    with new_figure() as (figure, axes):
        axes.plot([1, 2], [3, 4], label=r"$\frac$")
        legend_above(figure)
    named = Plot(name="one", title="t", caption="c", figure=figure, columns=("a",))
    assert r"$\frac$" in inline_svg(named)


@pytest.mark.parametrize("variable", CSS_VARIABLES.values())
def test_page_has_every_colour_for_light_and_dark(variable: str) -> None:
    name = variable.removeprefix("var(").removesuffix(")")
    assert len(re.findall(rf"{name}: #", CSS)) == 2


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_file_is_the_same_again(tmp_path: Path, suffix: str) -> None:
    contents = []
    for _ in range(2):
        save_plot(tmp_path / f"plot{suffix}", plot("one").figure)
        contents.append((tmp_path / f"plot{suffix}").read_bytes())
    assert contents[0] == contents[1]
