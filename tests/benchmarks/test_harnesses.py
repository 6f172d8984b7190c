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
    Harness,
    Held,
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


def held(*medians_us: tuple[float, float, float]) -> list[Held]:
    """Bare loop before, harness, bare loop after."""
    return [
        Held(before=reading(before), reading=reading(one), after=reading(after))
        for before, one, after in medians_us
    ]


def network(ours: tuple[float, float], other: tuple[float, float]) -> dict[str, Any]:
    told = {
        OURS: held((19, ours[0], 21), (38, ours[1], 42)),
        "Olive": held((21, other[0], 19), (42, other[1], 38)),
    }
    return compared(told) | {"repetitions": 2, "missing": {"Polygraphy": "does not start"}}


def test_difference_is_from_the_loops_before_and_after() -> None:
    found = network((20.2, 40.4), (30, 40))["harnesses"]
    assert found[OURS]["difference_percent"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert found["Olive"]["difference_percent"] == {"median": 25.0, "min": 0.0, "max": 50.0}
    assert found["Olive"]["spread_percent"] == pytest.approx(100 * 10 / 35, abs=0.01)
    assert found[BARE]["medians_us"] == [19, 21, 38, 42, 21, 19, 42, 38]


def test_floats_are_held_against_floats() -> None:
    found = compared({OURS: held((20, 20, 20)), "optimum-benchmark": held((10, 15, 10))})
    assert found["harnesses"]["optimum-benchmark"]["difference_percent"]["median"] == 50
    assert found["harnesses"][BARE_FLOATS]["median_us"] == 10


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
    alone = compared({OURS: held((20, 20, 20))})
    assert [target["met"] for target in judged("lenet5", alone)] == [True, None]


def test_bare_loop_of_the_same_file_runs_before_and_after_each() -> None:
    ran: list[str] = []

    def harness(name: str) -> Harness:
        def run() -> Reading:
            ran.append(name)
            return reading(len(ran))

        return run

    floors = {BARE: harness(BARE), BARE_FLOATS: harness(BARE_FLOATS)}
    others = {name: harness(name) for name in (OURS, "Olive", "optimum-benchmark")}
    told, _ = alternating_readings(floors, others, 1, "title")
    assert ran == [BARE, OURS, BARE, "Olive", BARE, BARE_FLOATS, "optimum-benchmark", BARE_FLOATS]
    assert told["Olive"] == held((3, 4, 5))


def test_harness_that_does_not_start_is_missing() -> None:
    def broken() -> Reading:
        raise MissingContenderError("no module")

    told, missing = alternating_readings(
        {BARE: lambda: reading(1)}, {OURS: lambda: reading(2), "x": broken}, 2, "title"
    )
    assert missing == {"x": "no module"}
    assert told == {OURS: held((1, 2, 1), (1, 2, 1))}


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
