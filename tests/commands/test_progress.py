import io
import logging
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from commands.console import messages
from commands.main import main
from commands.progress import StepProgress, columns, rate, step_progress

ROOT = Path(__file__).parent.parent.parent
ESCAPE = "\x1b"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("commands.progress.time.monotonic", lambda: now[0])
    return now


def test_bar_begins_again_with_the_next_epoch_and_makes_room_for_the_whole_after_it() -> None:
    bar = Progress(console=Console(file=io.StringIO()))
    steps = StepProgress(bar, "training")
    seen = []
    for done in (1, 2, 3, 1):
        steps("batches", done, 3)
        (task,) = bar.tasks
        seen.append((task.description, task.completed, task.total))
    assert [seen[0], seen[2], seen[3]] == [
        ("batches", 1, 3),
        ("training", 0, None),
        ("batches", 1, 3),
    ]


def test_bar_of_a_step_of_unknown_length_has_no_total() -> None:
    bar = Progress(console=Console(file=io.StringIO()))
    StepProgress(bar, "export")("tracing", 0, 0)
    (task,) = bar.tasks
    assert (task.description, task.total) == ("tracing", None)


def test_line_is_printed_now_and_then_when_there_is_no_terminal(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    steps = StepProgress(None, "evaluation")
    with caplog.at_level(logging.INFO, "onnxproof"):
        for done in range(1, 31):
            clock[0] += 1.0
            steps("reference", done, 30)
    assert caplog.messages == [
        "reference: 3 of 30 (2/s, 18 s left)",
        "reference: 13 of 30 (1/s, 16 s left)",
        "reference: 23 of 30 (1/s, 7 s left)",
    ]


def test_step_of_unknown_length_is_told_by_the_clock(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    steps = StepProgress(None, "export")
    with caplog.at_level(logging.INFO, "onnxproof"):
        clock[0] += 5.0
        steps.print_line_if_due()  # the whole of it is not worth a line so soon
        steps("tracing", 0, 0)
        for _ in range(13):
            clock[0] += 1.0
            steps.print_line_if_due()
    assert caplog.messages == ["tracing: 2 s", "tracing: 12 s"]


def test_what_is_over_within_two_seconds_is_not_told(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    steps = StepProgress(None, "export")
    with caplog.at_level(logging.INFO, "onnxproof"):
        for what in ("hashes", "dataset", "tracing"):
            steps(what, 0, 0)
            clock[0] += 1.9
            steps.print_line_if_due()
    assert caplog.messages == []


def test_clock_tells_of_a_step_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert not messages.is_terminal
    monkeypatch.setattr("commands.progress.FIRST_LINE_SECONDS", 0.02)
    with caplog.at_level(logging.INFO, "onnxproof"), step_progress("export") as steps:
        steps("tracing", 0, 0)
        deadline = time.monotonic() + 10
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
    assert caplog.messages[0] == "tracing: 0 s"
    assert "progress" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("speed", "text"), [(12345.6, "12,346/s"), (1.0, "1/s"), (0.25, "4.0 s each")]
)
def test_rate_is_told_so_that_it_can_be_read(speed: float, text: str) -> None:
    assert rate(speed) == text


def on_terminal(arguments: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns; return its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            read = os.read(ours, 1 << 16)
        except OSError:  # how Linux tells that the other side is closed
            break
        if not read:
            break
        written += read
    os.close(ours)
    return process.wait(timeout=60), written.decode()


@pytest.fixture(scope="module")
def folder(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("terminal")
    run = shutil.copytree(finished_run, root / ("run-with-a-very-long-name-" * 4))
    assert main(["evaluate", "--run", str(run), "--no-latency"]) == 0
    shutil.copytree(run, root / "another")
    return root


def plain(written: str) -> list[str]:
    """All that was ever drawn, a line each, without what moves the cursor or has a colour."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written))


def test_bar_is_drawn_on_a_terminal_within_80_columns(folder: Path) -> None:
    code, written = on_terminal(["evaluate", "--run", "another", "--no-latency"], folder)
    assert code == 0
    drawn = [line.rstrip() for line in plain(written) if "━" in line]
    assert any("hashes" in line for line in drawn)
    assert max(map(len, drawn)) <= 80


def test_longest_step_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.progress.DRAW_EVERY_SECONDS", 0.0)
    told = Console(file=io.StringIO(), width=80, force_terminal=True)
    with Progress(*columns(), console=told) as bar:
        steps = StepProgress(bar, "verifying")
        steps("PyTorch's reference, computed again", 1, 60_000)
        steps("PyTorch's reference, computed again", 59_000, 60_000)
        bar.refresh()
    assert isinstance(told.file, io.StringIO)
    drawn = [line for line in plain(told.file.getvalue()) if "59,000" in line]
    assert drawn
    assert "59,000/60,000" in drawn[-1]
    assert max(len(line.rstrip()) for line in drawn) <= 80


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_escape_codes_where_no_colour_is_wanted(
    environment: dict[str, str], folder: Path
) -> None:
    runs = sorted(path.name for path in folder.iterdir())
    code, written = on_terminal(["compare", *runs], folder, **environment)
    assert code == 0
    assert ESCAPE not in written
    assert ESCAPE in on_terminal(["compare", *runs], folder)[1]
    table = [line for line in plain(written) if line.startswith(" ")]
    assert len(table) > 4
    assert max(map(len, table)) <= 80


def test_no_escape_codes_where_there_is_no_terminal(folder: Path) -> None:
    for arguments in (["compare", "another"], ["evaluate", "--run", "another", "--no-latency"]):
        finished = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        assert ESCAPE not in finished.stdout + finished.stderr
