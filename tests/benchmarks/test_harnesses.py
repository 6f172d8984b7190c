"""Harnesses are held against the bare loop of their own turn and file, and ours can lose."""

import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from benchmarks.child import Child, MissingContenderError
from benchmarks.harness_tables import HABITS, harness_table
from benchmarks.harnesses import (
    BARE,
    BARE_FLOATS,
    OURS,
    Reading,
    alternating_readings,
    compared,
    judged,
)

HEAD: dict[str, Any] = {
    "command": "x",
    "commit": "1" * 40,
    "environment": {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-2"},
}


def write_identity(path: Path) -> None:
    """Write a graph whose logits are its input, flattened."""
    given = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["batch", 1, 1, 2])
    told = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 2])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Flatten", ["images"], ["logits"])], "identity", [given], [told]
    )
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), path)


def reading(median_us: float) -> Reading:
    return Reading(median_us=median_us, samples=100, wall_seconds=2.0)


def network(ours: tuple[float, float], other: tuple[float, float]) -> dict[str, Any]:
    readings = {
        BARE: [reading(20), reading(40)],
        OURS: [reading(value) for value in ours],
        "Olive": [reading(value) for value in other],
    }
    return compared(readings) | {"repetitions": 2, "missing": {"Polygraphy": "does not start"}}


def test_difference_is_that_of_the_same_repetition() -> None:
    found = network((20.2, 40.4), (30, 40))["harnesses"]
    assert found[OURS]["difference_percent"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert found["Olive"]["difference_percent"] == {"median": 25.0, "min": 0.0, "max": 50.0}
    assert found["Olive"]["spread_percent"] == pytest.approx(100 * 10 / 35, abs=0.01)


def test_floats_are_held_against_floats() -> None:
    readings = {BARE: [reading(20)], BARE_FLOATS: [reading(10)], "optimum-benchmark": [reading(15)]}
    found = compared(readings)["harnesses"]["optimum-benchmark"]
    assert found["difference_percent"]["median"] == 50
    del readings[BARE_FLOATS]
    assert "optimum-benchmark" not in compared(readings)["harnesses"]


@pytest.mark.parametrize(
    ("ours", "other", "met"),
    [
        ((20.2, 40.4), (30, 40), [True, True]),
        ((19.8, 39.6), (30, 40), [True, True]),  # below the bare loop is as far as above
        ((20.6, 41.2), (30, 40), [False, True]),
        ((19.4, 38.8), (20.2, 40.4), [False, False]),
    ],
)
def test_ours_can_miss_both_targets(
    ours: tuple[float, float], other: tuple[float, float], met: list[bool]
) -> None:
    assert [target["met"] for target in judged("lenet5", network(ours, other))] == met


def test_alone_nothing_is_nearest() -> None:
    alone = compared({BARE: [reading(20)], OURS: [reading(20)]})
    assert [target["met"] for target in judged("lenet5", alone)] == [True, None]


def test_harness_that_does_not_start_is_missing() -> None:
    def broken() -> Reading:
        raise MissingContenderError("no module")

    readings, missing = alternating_readings({BARE: lambda: reading(1), "x": broken}, 2, "title")
    assert (list(readings), missing) == ([BARE], {"x": "no module"})
    assert len(readings[BARE]) == 2


def test_table_tells_habits_and_what_is_missing() -> None:
    found = network((20.2, 40.4), (30, 40))
    text = harness_table(
        HEAD
        | {
            "networks": {"lenet5": found},
            "targets": judged("lenet5", found),
            "missing": {},
            "versions": {"olive-ai": "0.13"},
        }
    )
    row = "| lenet5 | Olive | 35.00 | +25.0 | +0.0 to +50.0 | 28.6 | 2.0 | "
    assert row + HABITS["Olive"][0] in text
    assert "Missing: Polygraphy (lenet5): does not start." in text
    assert "2 of lenet5; others: olive-ai 0.13" in text


def test_bare_loop_times_calls(tmp_path: Path) -> None:
    write_identity(tmp_path / "graph.onnx")
    arguments = ("bare", str(tmp_path / "graph.onnx"), "1", "0.05")
    with Child(Path(sys.executable), "benchmarks.latency_tools", *arguments) as child:
        answer = child.ask()
    assert answer["median_ms"] > 0
    assert answer["samples"] > 5
