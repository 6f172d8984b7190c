"""The last resort against a network that does not end when it is told to."""

import os

from commands.main import told_error
from errors import UnfinishedError


def end_process_when_stuck() -> None:
    """Let the process end with an error where a run cannot be ended in any other way.

    One node of a graph that computes for hours cannot be interrupted. Nothing is lost with the
    process: files are replaced at once or not at all, and its locks end with it.
    """
    from evaluate.watchdog import WATCHDOG

    WATCHDOG.on_stuck = _end_process


def _end_process(name: str) -> None:
    problem = "a run lasts too long and does not end when it is told to: the process is ended"
    os._exit(told_error(UnfinishedError(name, problem)))
