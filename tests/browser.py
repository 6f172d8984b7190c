"""A real headless Chromium for what people look at, and a record of all that goes wrong in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PHONE, DESKTOP = (360, 740), (1280, 900)  # width, height in pixels
ColourScheme = Literal["light", "dark"]


@dataclass
class Watch:
    """What a page did that it should not.

    Attributes:
        errors: messages of the console's level `error`, exceptions, requests that failed.
        requests: every address that was asked for, but data: and blob:, which ask nobody.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def note_request(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Give a browser; where none is installed the test is skipped, and fails in CI."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        message = "no Chromium is installed: on Debian, apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    # Chromium's own sandbox does not start as root, which CI is; the pages are ours.
    arguments = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def watched_page(
    browser: Browser, size: tuple[int, int] = DESKTOP, colour_scheme: ColourScheme = "light"
) -> Iterator[tuple[Page, Watch]]:
    """Give an empty page of a size in pixels, and what it does."""
    width, height = size
    watch = Watch()
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=colour_scheme
    )
    page = context.new_page()
    page.on("console", lambda m: watch.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("requestfailed", lambda r: watch.errors.append(f"{r.url}: {r.failure}"))
    page.on("request", watch.note_request)
    yield page, watch
    context.close()


def overflows(page: Page) -> bool:
    """Return whether the page is wider than the window, so that one has to scroll sideways."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )
