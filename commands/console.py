"""What the user sees: log lines on standard error, results on standard output."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Literal

from rich.console import Console

from commands.streams import in_one_line

log = logging.getLogger("onnxproof")
_COLOURS: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
results = Console(highlight=False, soft_wrap=False, color_system=_COLOURS)
messages = Console(stderr=True, highlight=False, color_system=_COLOURS)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        line = in_one_line(prefix + record.getMessage())
        messages.print(line, markup=False, emoji=False, soft_wrap=True)


def show_log() -> None:
    """Let the project's log lines reach standard error."""
    if not log.handlers:
        log.addHandler(_Lines())
        log.setLevel(logging.INFO)


def print_json(document: object) -> None:
    """Print one JSON document on standard output; ASCII, so that any encoding will do."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def print_pairs(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values below a title, a line each; nothing is cut, so it can be copied."""
    width = max(len(name) for name, _ in pairs)
    results.print(title, markup=False, emoji=False, soft_wrap=True)
    for name, value in pairs:
        line = f"  {name:<{width}}  {value}"
        results.print(line, markup=False, emoji=False, soft_wrap=True)
