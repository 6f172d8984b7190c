"""The table of start-up says what was measured, and its target can be missed."""

from typing import Any

import pytest

from benchmarks.start_up import FLOOR, HELP, OURS, judged_target
from benchmarks.start_up_tables import start_up_table


def answer(seconds: float, ratio: float) -> dict[str, Any]:
    return {
        "median_seconds": seconds,
        "ratio_to_ours": {"median": ratio, "min": ratio, "max": 2 * ratio},
    }


@pytest.mark.parametrize(("ratio", "met"), [(0.5, True), (0.3, False)])
def test_target_is_missed_by_a_slow_help(ratio: float, met: bool) -> None:
    target = judged_target({OURS: answer(0.1, 1), FLOOR: answer(0.1 * ratio, ratio)})
    assert target["met"] is met
    assert target["measured"] == round(1 / ratio, 2)


def test_table_names_what_is_missing() -> None:
    help_ = {OURS: answer(0.08, 1), FLOOR: answer(0.04, 0.5)}
    text = start_up_table(
        {
            "questions": {HELP: help_},
            "targets": [judged_target(help_)],
            "missing": {"others": "not installed"},
            "others": {},
            "command": "x",
            "commit": "1" * 40,
            "environment": {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-2"},
        }
    )
    assert "| --help | import click | 0.040 | 0.50 | 0.50 to 1.00 |" in text
    assert "Missing: others: not installed." in text
    assert "| reached |" in text
