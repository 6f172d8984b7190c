"""The page in a real Chromium: looks, drawing, files, errors, and nothing from elsewhere."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from data import load_dataset
from tests.browser import DESKTOP, PHONE, ColourScheme, Watch, overflows, watched_page
from tests.serve.hand import DIGITS, draw, wait_for_best
from tests.serve.servers import Server, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def server(digits_run: Path) -> Iterator[Server]:
    with running_server("--run", digits_run) as server:
        yield server


@contextmanager
def opened(
    chromium: "Browser",
    server: Server,
    size: tuple[int, int] = DESKTOP,
    colour_scheme: ColourScheme = "light",
) -> Iterator[tuple["Page", Watch]]:
    """Give the page; whatever it was made to do, it asked nobody else and nothing went wrong."""
    with watched_page(chromium, size, colour_scheme) as (page, watch):
        page.goto(server.url)
        page.wait_for_selector("#bars li")
        yield page, watch
        assert watch.errors == []
        assert [url for url in watch.requests if not url.startswith(server.url)] == []


def test_image(label: int) -> bytes:
    test = load_dataset("digits").test
    stream = io.BytesIO()
    Image.fromarray(test.images[np.flatnonzero(test.labels == label)[0]][0]).save(stream, "PNG")
    return stream.getvalue()


test_image.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_digits_drawn_by_mouse_are_recognized(
    chromium: "Browser", server: Server, size: tuple[int, int], colour_scheme: ColourScheme
) -> None:
    with opened(chromium, server, size, colour_scheme) as (page, _):
        for digit in DIGITS:
            draw(page, digit)
            wait_for_best(page, digit)
            assert not overflows(page)
            page.click("#clear")
            assert page.text_content("#best") == "–"
        dark_background = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 128"
        )
        assert dark_background == (colour_scheme == "dark")


def test_bars_times_and_seen_pixels_are_shown_while_drawing(
    chromium: "Browser", server: Server
) -> None:
    with opened(chromium, server) as (page, _):
        box = page.locator("#drawing").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + 300, steps=5)
        wait_for_best(page, "1")  # the button is down still
        page.mouse.up()
        page.wait_for_load_state("networkidle")
        rows = page.locator("#bars li").all_inner_texts()
        shares = [float(row.split("\n")[-1].removesuffix(" %")) for row in rows]
        assert [row.split("\n")[0] for row in rows] == list("0123456789")
        assert sum(shares) == pytest.approx(100, abs=1)
        assert page.locator("#bars .first").inner_text().startswith("1")
        for step in ("round-trip", "decode", "queue", "compute"):
            assert page.locator(f"#{step}").inner_text().endswith(" ms")
        size = page.evaluate(
            "[document.getElementById('seen').naturalWidth,"
            " getComputedStyle(document.getElementById('seen')).imageRendering]"
        )
        assert size == [28, "pixelated"]


def seen_pixels(page: "Page") -> np.ndarray:
    """Return what the network was given last, as the page shows it."""
    page.wait_for_load_state("networkidle")
    values = page.evaluate("""async () => {
        const image = document.getElementById("seen");
        await image.decode();
        const canvas = new OffscreenCanvas(28, 28);
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        return [...context.getImageData(0, 0, 28, 28).data];
    }""")
    return np.array(values, dtype=np.float64).reshape(28, 28, 4)[..., 0]


def test_drawing_is_centred_unless_that_is_switched_off(
    chromium: "Browser", server: Server
) -> None:
    with opened(chromium, server) as (page, _):
        box = page.locator("#drawing").bounding_box()
        assert box is not None
        # A bracket in a corner: its mass is left of the middle of what it takes.
        page.mouse.move(box["x"] + 60, box["y"] + 20)
        page.mouse.down()
        for x, y in ((20, 20), (20, 90), (60, 90)):
            page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
        page.mouse.up()
        wait_for_answer = "document.getElementById('seen').src !== ''"
        page.wait_for_function(wait_for_answer)
        centred = seen_pixels(page)
        y, x = np.mgrid[:28, :28] + 0.5
        mass = centred.sum()
        assert (x * centred).sum() / mass == pytest.approx(14, abs=0.2)
        assert (y * centred).sum() / mass == pytest.approx(14, abs=0.2)
        assert np.ptp(np.flatnonzero(centred.max(axis=1) > 100)) > 24  # fills the height
        page.uncheck("#centre")
        page.wait_for_timeout(200)
        plain = seen_pixels(page)
        assert plain[:10, :10].sum() == plain.sum() > 0


def test_image_is_chosen_dropped_and_pasted(chromium: "Browser", server: Server) -> None:
    with opened(chromium, server) as (page, _):
        image = {"name": "a.png", "mimeType": "image/png", "buffer": test_image(5)}
        page.set_input_files("#file", image)  # type: ignore[arg-type]
        wait_for_best(page, "5")
        assert page.is_visible("#picture")
        for kind, label in (("drop", 3), ("paste", 8)):
            page.evaluate(
                """([kind, bytes]) => {
                    const transfer = new DataTransfer();
                    const file = new File([new Uint8Array(bytes)], "a.png", {type: "image/png"});
                    transfer.items.add(file);
                    const event = kind === "drop"
                        ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true})
                        : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
                    document.getElementById("paper").dispatchEvent(event);
                }""",
                [kind, list(test_image(label))],
            )
            wait_for_best(page, str(label))
        draw(page, "1")  # takes the picture's place
        wait_for_best(page, "1")
        assert not page.is_visible("#picture")


def test_finger_and_pen_draw_too(chromium: "Browser", server: Server) -> None:
    with opened(chromium, server, PHONE) as (page, _):
        for kind in ("touch", "pen"):
            page.evaluate(
                """kind => {
                    const canvas = document.getElementById("drawing");
                    const box = canvas.getBoundingClientRect();
                    canvas.setPointerCapture = () => {};  // knows real pointers only
                    const at = (type, y) => canvas.dispatchEvent(new PointerEvent(type, {
                        pointerId: 7, pointerType: kind, isPrimary: true, button: 0,
                        clientX: box.left + 150, clientY: box.top + y,
                    }));
                    at("pointerdown", 40);
                    for (let y = 40; y < 250; y += 10) at("pointermove", y);
                    at("pointerup", 250);
                }""",
                kind,
            )
            wait_for_best(page, "1")
            page.click("#clear")
        assert page.evaluate("getComputedStyle(drawing).touchAction") == "none"


def test_what_is_wrong_is_told_in_words(chromium: "Browser", server: Server) -> None:
    with watched_page(chromium) as (page, watch):
        page.goto(server.url)
        page.wait_for_selector("#bars li")
        text = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
        page.set_input_files("#file", text)  # type: ignore[arg-type]
        page.wait_for_selector("#problem:visible")
        wanted = "body: not a readable image: of no known format"
        assert page.text_content("#problem") == wanted
        page.wait_for_selector("#picture", state="hidden")
        draw(page, "1")
        wait_for_best(page, "1")
        assert not page.is_visible("#problem")
        page.route("**/v1/predict**", lambda route: route.abort())
        page.click("#clear")
        draw(page, "7")
        page.wait_for_selector("#problem:visible")
        assert page.text_content("#problem") == "The server does not answer."
        # Chromium itself notes requests that got no answer of 2xx; the page's script does not.
        own = ("Failed to load resource", "ERR_FAILED")
        assert all(any(words in error for words in own) for error in watch.errors)


def test_everything_can_be_reached_by_keyboard_and_has_a_name(
    chromium: "Browser", server: Server
) -> None:
    with opened(chromium, server) as (page, _):
        reached = []
        for _ in range(6):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "document.activeElement.id || document.activeElement.getAttribute('href')"
                )
            )
        assert reached == ["clear", "file", "centre", "docs", "metrics", "healthz"]
        for role, name in (
            ("button", "Clear"),
            ("checkbox", "Scale and centre drawings like the training digits"),
            ("img", "Drawing area for mouse, finger or pen"),
            ("heading", "lenet5"),
        ):
            assert page.get_by_role(role, name=name).count() == 1, name  # type: ignore[arg-type]
        assert page.get_by_label("Open image").count() == 1
        # An output is announced politely when it changes; a problem at once.
        assert page.get_by_role("status").get_attribute("id") == "best"


def test_motion_is_reduced_when_asked_for(chromium: "Browser", server: Server) -> None:
    with opened(chromium, server) as (page, _):
        duration = "getComputedStyle(document.querySelector('.bar')).transitionDuration"
        assert page.evaluate(duration) == "0.12s"
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(duration) == "0s"


def test_api_documents_need_nothing_from_elsewhere(chromium: "Browser", server: Server) -> None:
    with watched_page(chromium) as (page, watch):
        page.goto(f"{server.url}docs")
        page.get_by_text("/v1/predict").wait_for()
        page.click("text=Classes of one image or of several")
        page.get_by_text("Request body").wait_for()
        page.wait_for_load_state("networkidle")
        assert watch.errors == []
        assert [url for url in watch.requests if not url.startswith(server.url)] == []


def test_colour_network_gets_what_is_drawn_in_three_channels(
    chromium: "Browser", tmp_path: Path
) -> None:
    from onnx import helper

    from tests.evaluate.onnx_files import write_model

    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=1),
        helper.make_node("GlobalAveragePool", ["floats"], ["means"]),
        helper.make_node("Flatten", ["means"], ["logits"]),
    ]
    model = write_model(tmp_path / "mean.onnx", nodes, shape=("n", 3, 20, 30), classes=3)
    with (
        running_server("--onnx", model) as server,
        opened(chromium, server) as (page, _),
    ):
        assert not page.is_checked("#centre")
        assert page.text_content("#pixels") == "30 × 20 pixels, RGB"
        draw(page, "0")
        page.wait_for_selector("#seen:visible")
        shares = page.locator("#bars .share").all_inner_texts()
        assert shares == ["33.3 %"] * 3
        assert page.evaluate("document.getElementById('seen').naturalWidth") == 30
