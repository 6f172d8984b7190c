"""Pictures for the README: `python -m benchmarks.screenshots --run RUN`.

Writes docs/report.png, the head of the run's report, from a headless Chromium.
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

DOCS = ROOT / "docs"
REPORT_SIZE = (1100, 1500)  # width, height in pixels


@click.command()
@click.option("--run", required=True, type=click.Path(exists=True, path_type=Path))
def main(run: Path) -> None:
    """Take the pictures of a run that was evaluated."""
    DOCS.mkdir(exist_ok=True)
    with _chromium() as browser:
        take_report(browser, run)


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


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise click.ClickException("no Chromium is installed: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


if __name__ == "__main__":
    main()
