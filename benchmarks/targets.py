"""What a measurement was to reach, and whether it did."""

from collections.abc import Sequence
from typing import Any

from benchmarks.markdown import table

Target = dict[
    str, Any
]  # name, wanted, measured, met: true, false, or null where nothing was measured
OUTCOMES = {True: "reached", False: "**not reached**", None: "not measured"}


def outcome(target: Target) -> str:
    """Return in words whether a target is met."""
    return OUTCOMES[target["met"]]


def target_table(targets: Sequence[Target]) -> str:
    """Return a row a target, in Markdown."""
    rows = [(target["name"], target["measured"], outcome(target)) for target in targets]
    return table(("target", "measured", ""), rows)
