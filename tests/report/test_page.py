"""The page in a real browser: nothing asked of any network, everything seen, in every form."""

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands.main import main
from tests.browser import DESKTOP, PHONE, ColourScheme, overflows, watched_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def page_file(
    evaluated_run: Path, tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A page of two runs, the second of which errs, so that all parts are on it."""
    folder = tmp_path_factory.mktemp("report")
    poor, path = folder / "poor", folder / "page.html"
    training = ["--model", "mlp", "--epochs", "1", "--subset", "0.2", "--run", str(poor)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "--dataset", str(tiny_npz), "--test-curve", *training]) == 0
        assert main(["export", "--run", str(poor)]) == 0
        quick = ["--min-seconds", "0.02", "--batch-sizes", "1,4"]
        assert main(["evaluate", "--run", str(poor), *quick]) == 0
        assert main(["report", str(evaluated_run), str(poor), "--output", str(path)]) == 0
    return path


# Of each run confusion, classes, loss, accuracy, differences, latency, speedup, roofline; the first
# has two variants to compare; the overview.
PLOTS = 8 + 8 + 1 + 1


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
def test_page_is_whole_at_every_width_in_both_schemes(
    chromium: "Browser", page_file: Path, size: tuple[int, int], colour_scheme: ColourScheme
) -> None:
    with watched_page(chromium, size, colour_scheme) as (page, watch):
        page.goto(page_file.as_uri())
        assert watch.errors == []
        assert watch.requests == [page_file.as_uri()]
        assert not overflows(page)
        boxes = [plot.bounding_box() for plot in page.locator(".plot svg").all()]
        assert len(boxes) == PLOTS
        for box in boxes:
            assert box is not None
            assert box["width"] > 250
            assert box["height"] > 80
            assert box["x"] + box["width"] <= size[0]
        images = page.locator(".card img").all()
        assert images
        assert all(image.evaluate("i => i.complete && i.naturalWidth > 0") for image in images)


def brightness(page: "Page", selector: str, of: str) -> float:
    colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{of}")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize(("colour_scheme", "is_dark"), [("light", False), ("dark", True)])
def test_text_of_page_and_plots_stands_out(
    chromium: "Browser", page_file: Path, colour_scheme: ColourScheme, *, is_dark: bool
) -> None:
    with watched_page(chromium, DESKTOP, colour_scheme) as (page, _):
        page.goto(page_file.as_uri())
        paper = brightness(page, "body", "backgroundColor")
        assert (paper < 0.5) is is_dark
        for selector, of in (("body", "color"), (".plot svg text", "fill")):
            assert abs(brightness(page, selector, of) - paper) > 0.6


def test_page_is_heard_and_walked_through_by_keyboard(chromium: "Browser", page_file: Path) -> None:
    with watched_page(chromium) as (page, _):
        page.goto(page_file.as_uri())
        assert page.locator("html").get_attribute("lang") == "en"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
        # Chromium's own view of what is heard: every drawing and picture has a name.
        for role in ("img", "table"):
            found = page.get_by_role(role).all()
            assert found
            for one in found:
                assert re.search(rf'{role} "[^"]+"', one.aria_snapshot()), one.aria_snapshot()
        levels = page.locator("h1, h2, h3, h4").evaluate_all("es => es.map(e => +e.tagName[1])")
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        ids = page.locator("[id]").evaluate_all("es => es.map(e => e.id)")
        assert len(ids) == len(set(ids))
        missing = page.locator("[href^='#']").evaluate_all(
            "es => es.filter(e => !document.getElementById(e.getAttribute('href').slice(1))).length"
        )
        assert missing == 0


def test_numbers_behind_a_plot_open_by_keyboard(chromium: "Browser", page_file: Path) -> None:
    with watched_page(chromium) as (page, _):
        page.goto(page_file.as_uri())
        first = page.locator("details").first
        assert not first.locator("table").is_visible()
        first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert first.locator("table").is_visible()


def test_page_prints_on_white(chromium: "Browser", page_file: Path) -> None:
    with watched_page(chromium, DESKTOP, "dark") as (page, watch):
        page.goto(page_file.as_uri())
        page.emulate_media(media="print", color_scheme="dark")
        assert brightness(page, "body", "color") < 0.3  # ink on paper, whatever the screen was
        assert not page.locator("nav").first.is_visible()
        assert len(page.pdf()) > 50_000
        assert watch.errors == []


def test_page_runs_no_script_and_says_so_itself(page_file: Path) -> None:
    text = page_file.read_text()
    assert "default-src 'none'" in text
    assert "<script" not in text
    addresses = set(re.findall(r"https?://[^\"' <)]+", text))
    assert addresses == set()
