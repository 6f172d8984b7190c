"""Pictures for the README: `python -m benchmarks.screenshots --report RUN --serve RUN`.

Writes docs/report.png, the head of a run's report, and docs/serve.png, the page of a run's server
with a digit drawn by the mouse, from a headless Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from playwright.sync_api import Browser, sync_playwright

from benchmarks.measuring import ROOT
from tests.serve.hand import draw, wait_for_best
from tests.serve.servers import running_server

DOCS = ROOT / "docs"
REPORT_SIZE, SERVE_SIZE = (1100, 1500), (1100, 900)  # width, height in pixels
DIGIT = "3"


@click.command()
@click.option("--report", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--serve", required=True, type=click.Path(exists=True, path_type=Path))
def main(report: Path, serve: Path) -> None:
    """Take the pictures, of a run that was evaluated and of one that knows digits."""
    DOCS.mkdir(exist_ok=True)
    with _chromium() as browser:
        take_report(browser, report)
        take_page(browser, serve)


def take_report(browser: Browser, run: Path) -> None:
    """Write docs/report.png."""
    with tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "report.html"
        command = [sys.executable, str(ROOT / "cli.py"), "report", str(run)]
        subprocess.run([*command, "--output", str(page_file)], check=True)
        width, height = REPORT_SIZE
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(page_file.as_uri())
        page.locator(".made").evaluate("line => line.remove()")  # names this machine's folders
        page.screenshot(path=DOCS / "report.png")


def take_page(browser: Browser, run: Path) -> None:
    """Write docs/serve.png."""
    with running_server("--run", run) as server:
        width, height = SERVE_SIZE
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(server.url)
        page.wait_for_selector("#bars li")
        draw(page, DIGIT)
        wait_for_best(page, DIGIT)
        page.wait_for_timeout(500)  # the bars still move
        page.screenshot(path=DOCS / "serve.png")


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise click.ClickException("no Chromium is installed: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


if __name__ == "__main__":
    main()
