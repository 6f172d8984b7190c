"""Samplers compared: what is read of a search, what a table says of it, a target that is missed."""

from typing import Any

import pytest

from benchmarks.tuning import best_value, judged, summary
from benchmarks.tuning_tables import tuning_table
from tests.report.tuning import STUDY

ENVIRONMENT = {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-27"}


def search(sampler: str, seed: int, val: float, correct: int) -> dict[str, Any]:
    return {
        "sampler": sampler,
        "seed": seed,
        "recipe_val_accuracy": 0.9,
        "best_values": [0.9, 0.91, val],
        "val_accuracy": val,
        "test_correct": correct,
        "test_examples": 1000,
        "pruned": 1,
    }


def searches(tpe: float) -> list[dict[str, Any]]:
    return [
        search(sampler, seed, val + seed / 100, 930 + 10 * seed)
        for sampler, val in (("grid", 0.92), ("random", 0.93), ("tpe", tpe))
        for seed in (0, 1)
    ]


def test_best_so_far_is_of_the_complete_trials_up_to_there() -> None:
    assert [best_value(STUDY, count) for count in range(1, 8)] == [
        *(0.90, 0.91, 0.91, 0.91),
        *(0.95, 0.95, 0.95),
    ]


def test_summary_counts_trials_by_what_became_of_them() -> None:
    found = summary(STUDY)
    assert (found["complete"], found["pruned"], found["failed"]) == (4, 1, 1)
    assert (found["recipe_val_accuracy"], found["best_trial"]) == (0.9, 4)
    assert found["epochs"] == sum(len(trial.val_accuracy) for trial in STUDY.trials)


@pytest.mark.parametrize(("tpe", "met"), [(0.95, True), (0.9, False)])
def test_target_is_missed_where_one_seed_finds_nothing_better(tpe: float, met: bool) -> None:
    (target,) = judged(searches(tpe))
    assert target["met"] is met
    (unmeasured,) = judged([])
    assert unmeasured["met"] is None


def test_table_holds_each_search_against_the_recipe_with_its_own_seed() -> None:
    text = tuning_table(
        {
            "recipes": [
                {"seed": 0, "val_accuracy": 0.90, "test_correct": 920, "test_examples": 1000},
                {"seed": 1, "val_accuracy": 0.92, "test_correct": 925, "test_examples": 1000},
            ],
            "searches": searches(0.95),
            "targets": judged(searches(0.95)),
            "trials": 3,
            "epochs": 2,
            "command": "x",
            "commit": "1" * 40,
            "environment": ENVIRONMENT,
        }
    )
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    cells = [cell.strip() for cell in rows["tpe"].split("|")[2:-1]]
    assert cells == [
        *("3", "90.00 (90.00 to 90.00)", "95.50 (95.00 to 96.00)", "+4.50 (+4.00 to +5.00)"),
        *("93.50 (93.00 to 94.00)", "+1.25 (+1.00 to +1.50)", "1"),
    ]
    assert "91.00 (90.00 to 92.00)" in rows["none: the recipe"]
    assert "3 trials of 2 epochs, 2 seeds" in text
