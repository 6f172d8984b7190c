"""Digits drawn on the page by mouse events, as a hand would."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page

Points = list[tuple[float, float]]


def arc(x: float, y: float, width: float, height: float, start: int, end: int) -> Points:
    """Return points on an ellipse, by degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 16))
    return [(x + width * np.cos(angle), y + height * np.sin(angle)) for angle in angles]


# Strokes, of the side of the drawing area.
DIGITS: dict[str, list[Points]] = {
    "0": [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
    "1": [[(0.5, 0.2), (0.5, 0.8)]],
    "3": [arc(0.47, 0.35, 0.17, 0.15, 210, 450) + arc(0.47, 0.65, 0.2, 0.16, -90, 150)],
    "4": [[(0.4, 0.2), (0.3, 0.55), (0.7, 0.55)], [(0.62, 0.3), (0.6, 0.82)]],
    "7": [[(0.3, 0.22), (0.7, 0.22), (0.45, 0.8)]],
}


def draw(page: "Page", digit: str) -> None:
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    for stroke in DIGITS[digit]:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def wait_for_best(page: "Page", name: str) -> None:
    page.wait_for_function(
        "name => document.getElementById('best').textContent === name", arg=name, timeout=5000
    )
