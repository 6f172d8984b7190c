"""The pass is held against the bare calls and the DataLoader way, and can lose to both."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.child import Child
from benchmarks.evaluation_speed import BARE, DATA_LOADERS, OURS, judged
from benchmarks.evaluation_tables import cost_table
from tests.benchmarks.test_harnesses import HEAD, write_identity


def passes(bare: float, loaders: tuple[float, ...]) -> dict[str, Any]:
    ratios = {OURS: 1.0, BARE: bare} | dict(zip(DATA_LOADERS, loaders, strict=False))
    found = {
        name: {
            "median_seconds": ratio / 10,
            "ratio_to_ours": {"median": ratio, "min": ratio, "max": ratio},
            "right": None if name == BARE else 95,
        }
        for name, ratio in ratios.items()
    }
    return {
        "dataset": "digits",
        "examples": 100,
        "passes": found,
        "command": {"evaluate": 1.0, "import torch": 2.0},
        "missing": {"optimum ORTModel": "no module"},
    }


@pytest.mark.parametrize(
    ("bare", "loaders", "met"),
    [
        (0.9, (20.0, 11.0), [True, True]),
        (0.8, (20.0, 11.0), [False, True]),  # 1.25 times the bare calls
        (0.9, (20.0, 9.0), [True, False]),  # the faster of the two counts
        (0.9, (), [True, None]),
    ],
)
def test_targets_can_be_missed(
    bare: float, loaders: tuple[float, ...], met: list[bool | None]
) -> None:
    assert [target["met"] for target in judged("mlp", passes(bare, loaders))] == met


def test_table_has_a_row_a_way() -> None:
    network = passes(0.9, (20.0, 11.0))
    measured = {"networks": {"mlp": network}, "targets": judged("mlp", network), "missing": {}}
    text = cost_table(HEAD | measured)
    assert "| mlp, 100 of digits | DataLoader | 2.000 | 20.00 | 20.00 to 20.00 | 95 |" in text
    assert "Missing: optimum ORTModel (mlp): no module." in text


def test_data_loader_counts_what_is_right(tmp_path: Path) -> None:
    # The graph gives the images' two pixels as logits, so the class is the brighter one.
    write_identity(tmp_path / "model.onnx")
    images = np.array([[[[0, 9]]], [[[9, 0]]], [[[1, 2]]]], dtype=np.uint8)
    np.savez(tmp_path / "split.npz", images=images, labels=np.array([1, 0, 0]), mean=0.0, std=1.0)
    arguments = ("data-loader", str(tmp_path), "1", "2", "0")
    with Child(Path(sys.executable), "benchmarks.pass_ways", *arguments) as child:
        answer = child.ask()
    assert answer["right"] == 2
    assert answer["seconds"] > 0
