"""Every session that is timed computes what PyTorch does; ours can lose against the defaults."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.child import Child, MissingContenderError
from benchmarks.engines.__main__ import beside, judged
from benchmarks.engines.contender import parity, timed
from benchmarks.engines.files import IMAGES, LOGITS
from benchmarks.engines.networks import Workload, write_network
from benchmarks.engines.opened import DEFAULTS, ENGINES, OPENVINO, OURS, Engine
from benchmarks.engines.settings import SETTINGS, opened_setting
from benchmarks.engines_tables import engines_table
from benchmarks.workload_data import embedded_digits

HEAD: dict[str, Any] = {
    "command": "x",
    "commit": "1" * 40,
    "environment": {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-2"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a LeNet-5 on the digits."""
    made = tmp_path_factory.mktemp("lenet5")
    write_network(
        Workload(model="lenet5", data=embedded_digits(), batch_sizes=(1,), rounds=1), made
    )
    return made


def parity_of(engine: Engine, folder: Path) -> dict[str, Any]:
    return parity(engine, np.load(folder / IMAGES), np.load(folder / LOGITS), 32)


@pytest.mark.parametrize("name", [OURS, *SETTINGS])
def test_session_computes_what_pytorch_does(name: str, folder: Path) -> None:
    found = parity_of(opened_setting(name, folder, threads=2), folder)
    assert found["images"] == 256
    assert found["max_abs"] < 1e-4
    assert found["flips"] == 0


@pytest.mark.parametrize("name", [DEFAULTS, "PyTorch eager"])
def test_engine_computes_what_pytorch_does(name: str, folder: Path) -> None:
    assert parity_of(ENGINES[name](folder, 1), folder)["max_abs"] < 1e-4


def test_engine_that_computes_something_else_is_seen(folder: Path) -> None:
    ours = ENGINES[OURS](folder, 1)
    other = Engine(call=lambda images: -ours.call(images), facts={})
    found = parity_of(other, folder)
    assert found["max_abs"] > 0.1
    assert found["flips"] > 200


def test_logits_tell_images_apart(folder: Path) -> None:
    classes = np.load(folder / LOGITS).argmax(axis=1)
    assert len(set(classes.tolist())) > 1


def test_contender_answers_from_its_own_process(folder: Path) -> None:
    arguments = ("setting", "1 thread", str(folder), "2")
    with Child(Path(sys.executable), "benchmarks.engines.contender", *arguments) as child:
        assert child.facts["open_seconds"] > 0
        assert child.ask(warm=4)["first_seconds"] >= 0
        answer = child.ask(batch=4, seconds=0.01)
        assert answer["median_seconds"] > 0
        assert answer["samples"] >= 1


def test_engine_whose_environment_lacks_it_is_missing_with_a_reason(folder: Path) -> None:
    arguments = ("engine", OPENVINO[0], str(folder), "1")
    with pytest.raises(MissingContenderError, match="No module named 'openvino'"):
        Child(Path(sys.executable), "benchmarks.engines.contender", *arguments)


def test_slow_call_is_timed_once() -> None:
    calls: list[int] = []
    answer = timed(calls.append, 1, seconds=0.0)
    assert len(calls) == answer["samples"] == 1


def network(ours: list[float], defaults: list[float]) -> dict[str, Any]:
    def found(seconds: list[float]) -> dict[str, Any]:
        return {
            "precision": "float32",
            "threads": 2,
            "versions": {"onnxruntime": "1"},
            "open_seconds": 0.1,
            "first_seconds": {"32": 0.2},
            "parity": {"images": 256, "max_abs": 1e-6, "flips": 0},
            "batches": {"32": beside(seconds, ours, 32)},
        }

    return {
        "dataset": "digits",
        "batch_sizes": [32],
        "rounds": len(ours),
        "engines": {OURS: found(ours), DEFAULTS: found(defaults)},
        "missing": {OPENVINO[0]: "no such file"},
        "settings": {"sessions": {"1 thread": found(defaults)}, "missing": {}},
    }


@pytest.mark.parametrize(
    ("defaults", "met"),
    [([0.9, 0.9], [False, False]), ([1.0, 1.0], [True, False]), ([1.3, 1.2], [True, True])],
)
def test_targets_can_be_missed(defaults: list[float], met: list[bool]) -> None:
    engines = network([1.0, 1.0], defaults)["engines"]
    assert [target["met"] for target in judged({"mlp": engines})] == met


def test_slowest_case_decides_whether_ours_is_ever_slower() -> None:
    networks = {
        "mlp": network([1.0], [2.0])["engines"],
        "lenet5": network([1.0], [0.5])["engines"],
    }
    never_slower, clearly_faster = judged(networks)
    assert (never_slower["met"], never_slower["measured"]) == (False, "0.50 (lenet5, 32)")
    assert (clearly_faster["met"], clearly_faster["measured"]) == (True, "2.00 (mlp, 32)")


def test_nothing_measured_is_no_target_met() -> None:
    assert [target["met"] for target in judged({})] == [None, None]


def test_table_shows_ratios_parity_and_what_is_missing() -> None:
    networks = {"mlp": network([0.001, 0.002], [0.002, 0.002])}
    targets = judged({"mlp": networks["mlp"]["engines"]})
    document = HEAD | {"missing": {}, "networks": networks, "targets": targets}
    text = engines_table(json.loads(json.dumps(document)))
    row = "| mlp | ONNX Runtime, defaults | float32 | 2 | 2 ms, 16,000/s, 1.50 (1.00 to 2.00) |"
    assert f"{row} 1.0e-06 | 0 | 0.3 |" in text
    assert "| 1 thread | 0.67 (0.50 to 1.00) | 1.0e-06 |" in text
    assert "Missing: OpenVINO, float32 (mlp): no such file." in text
    assert "parity over 256 images; onnxruntime 1" in text
