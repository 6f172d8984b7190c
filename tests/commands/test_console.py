import io
import logging

import pytest
from rich.console import Console
from rich.progress import Progress

from commands.console import StepProgress


def test_bar_begins_again_with_the_next_epoch() -> None:
    bar = Progress(console=Console(file=io.StringIO()))
    steps = StepProgress(bar)
    for done in (1, 2, 3, 1):
        steps("batches", done, 3)
    (task,) = bar.tasks
    assert (task.completed, task.total) == (1, 3)


def test_line_is_printed_now_and_then_when_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    monkeypatch.setattr("commands.console.time.monotonic", lambda: now)
    steps = StepProgress(None)
    with caplog.at_level(logging.INFO, "onnxproof"):
        for done in range(1, 31):
            now += 1.0
            steps("reference", done, 30)
    assert caplog.messages == [f"reference: {done} of 30" for done in (10, 20, 30)]
