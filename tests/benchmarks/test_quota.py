"""Sessions under a quota: the table, and a target that can be missed."""

from typing import Any

import pytest

from artifacts.control_groups import quota_of
from benchmarks.engines.opened import DEFAULTS, OURS
from benchmarks.quota.__main__ import judged
from benchmarks.quota.group import group_with_quota
from benchmarks.quota_tables import quota_table


def networks(ratio: float) -> dict[str, Any]:
    def timing(times: float) -> dict[str, Any]:
        return {
            "mean_ms": 2 * times,
            "p99_ms": 9.0,
            "ratio_to_ours": {"median": times, "min": times, "max": times},
        }

    return {
        "mlp": {
            "threads": {OURS: 1, DEFAULTS: "its own choice"},
            "batches": {"1": {OURS: timing(1.0), DEFAULTS: timing(ratio)}},
        }
    }


@pytest.mark.parametrize(("ratio", "met"), [(1.2, True), (1.19, False)])
def test_target_is_missed_where_defaults_are_as_fast(ratio: float, met: bool) -> None:
    assert judged(networks(ratio))["met"] is met


def test_nothing_is_claimed_where_no_group_can_be_made() -> None:
    assert judged({}) | {"name": ""} == {
        "name": "",
        "wanted": 1.2,
        "measured": "not measured",
        "met": None,
    }


def test_table_says_what_is_seen_and_what_is_allowed() -> None:
    text = quota_table(
        {
            "networks": networks(2.5),
            "missing": {},
            "targets": [judged(networks(2.5))],
            "quota_cpus": 1,
            "seen_cpus": 2,
            "command": "x",
            "commit": "1" * 40,
            "environment": {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-2"},
        }
    )
    assert f"| mlp | 1 | {DEFAULTS} | its own choice | 5 | 9 | 2.50 (2.50 to 2.50) |" in text
    assert "quota of 1, 2 CPUs seen" in text


def test_group_is_removed_and_its_quota_read() -> None:
    try:
        with group_with_quota(3) as group:
            assert quota_of(group) == 3
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    assert not group.exists()
