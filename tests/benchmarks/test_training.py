"""Who trains beside ours: each learns what it is given, or says in a line why it is missing."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.measuring import ROOT
from benchmarks.training.__main__ import measured_workload
from benchmarks.training.arithmetic import arithmetic_alone
from benchmarks.training.contenders import BARE, KERAS, LIGHTNING, OURS, started
from benchmarks.training.material import Material
from benchmarks.training.results import TARGETS, common_correct, judged_target, time_to
from benchmarks.training.torch_loops import WAYS
from benchmarks.training.torch_network import correct_count, fresh_network
from benchmarks.training.workloads import FULL, prepared, quick_workloads
from benchmarks.training_tables import training_table
from data import load_dataset
from models.cost import parameter_count

MLP, LENET5, _ = quick_workloads()
Result = dict[str, Any]


@pytest.fixture
def material(tmp_path: Path) -> Iterator[Material]:
    made = Material(tmp_path)
    prepared(MLP, MLP.data(None), made)
    yield made
    torch.use_deterministic_algorithms(False)  # ours sets it, as it may in a process of its own


def test_material_is_the_recipes_split_of_the_images(material: Material) -> None:
    train, validation = material.images("train"), material.images("validation")
    everything = load_dataset("digits", data_dir=None).train
    assert len(train) + len(validation) == len(everything)
    assert len(validation) == round(0.2 * len(everything))
    assert abs(material.normalized("train").mean()) < 1e-3
    assert abs(material.normalized("train").std() - 1) < 1e-3
    batches = [*material.validation_batches()]
    assert np.array_equal(
        np.concatenate([labels for _, labels in batches]), material.labels("validation")
    )


def test_torchvision_reads_the_same_images(material: Material) -> None:
    from torchvision.datasets import MNIST

    theirs = MNIST(material.folder, train=True)
    assert np.array_equal(theirs.data.numpy(), material.images("train")[:, 0])
    assert np.array_equal(theirs.targets.numpy(), material.labels("train"))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "arithmetic alone"])
def test_each_loop_learns(material: Material, way: str) -> None:
    loop = WAYS[way](material)
    before = correct_count(loop.network, material)
    loop.epoch()
    assert correct_count(loop.network, material) > before + 100


def test_all_loops_begin_with_the_same_weights(material: Material) -> None:
    first = [next(WAYS[way](material).network.parameters()) for way in (OURS, BARE, "DataLoader")]
    assert all(torch.equal(weights, first[0]) for weights in first[1:])


def test_arithmetic_is_that_of_linear_layers_alone(material: Material, tmp_path: Path) -> None:
    WAYS["arithmetic alone"](material).epoch()
    (tmp_path / "lenet5").mkdir()
    convolutions = Material(tmp_path / "lenet5")
    prepared(LENET5, LENET5.data(None), convolutions)
    with pytest.raises(ValueError, match="all linear"):
        arithmetic_alone(fresh_network(convolutions), 32, 1e-3, 10)


def test_contenders_are_measured_and_missing_ones_told(tmp_path: Path) -> None:
    asked = replace(MLP, contenders=(OURS, BARE, "no such way"))
    workload = measured_workload(asked, None, install=False)
    assert workload["missing"] == {
        "no such way": "benchmarks.training.torch_loops ended with 1: KeyError: 'no such way'"
    }
    ours, bare = workload["contenders"].values()
    assert len(ours["seconds"]) == MLP.repetitions
    assert len(ours["validation_correct"]) == MLP.repetitions + 1
    assert ours["ratio_to_ours"]["median"] == 1
    assert bare["peak_memory_bytes"] > 10_000_000
    best = [max(found["validation_correct"]) for found in (ours, bare)]
    assert workload["wanted_correct"] == min(best)
    table = training_table(
        {"workloads": {"mlp": workload}, "targets": [], "command": "x", "commit": "0" * 40}
        | {"environment": {"versions": {"torch": "2"}, "cpu": "y", "cpus": 2, "date": "2026-11-27"}}
    )
    assert f"### mlp on {workload['images']:,} images of digits, batches of 32" in table
    assert "Missing: no such way: benchmarks.training.torch_loops ended with 1" in table


@pytest.mark.parametrize("name", [LIGHTNING, KERAS])
def test_a_fit_of_others_trains_a_network_of_the_same_size(name: str, material: Material) -> None:
    with started((name,), material.folder, install=False) as ready:
        if ready.missing.get(name, "").startswith("not installed"):
            pytest.skip(ready.missing[name])
        assert ready.missing == {}
        contender = ready.contenders[name]
        assert contender.facts["parameters"] == parameter_count(fresh_network(material))
        assert all(contender.epoch() > 0 for _ in range(2))
    assert contender.epochs[-1]["correct"] > len(material.labels("validation")) / 2


def test_a_contender_that_ends_is_lost_with_its_reason(material: Material) -> None:
    with started(("ours, from disk",), material.folder, install=False) as ready:
        os.truncate(material.folder / "train_images.npy", 4096)  # which it has mapped
        assert all(math.isnan(ready.contenders["ours, from disk"].epoch()) for _ in range(2))
    assert "torch_loops ended with -7" in (ready.contenders["ours, from disk"].lost or "")  # SIGBUS


@pytest.mark.parametrize("module", ["lightning_fit", "keras_fit"])
def test_a_fit_that_cannot_start_says_so_in_its_last_line(module: str, material: Material) -> None:
    words = [sys.executable, "-m", f"benchmarks.training.{module}", str(material.folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No module named" in done.stderr.splitlines()[-1]


def epochs(*found: tuple[float, int | None]) -> list[Result]:
    return [{"seconds": seconds, "correct": correct} for seconds, correct in found]


def test_time_to_accuracy_is_the_sum_of_epochs_up_to_it() -> None:
    quick, slow = epochs((2, 50), (1, 90), (1, 80)), epochs((5, 70), (4, 70), (4, 85))
    nothing = epochs((1, None), (1, None))
    wanted = common_correct([quick, slow, nothing])
    assert wanted == 85
    assert time_to(quick, wanted) == {"epochs": 2, "seconds": 3}
    assert time_to(slow, wanted) == {"epochs": 3, "seconds": 13}
    assert time_to(nothing, wanted) is None
    assert time_to(slow, 86) is None


@pytest.mark.parametrize(("ratio", "met"), [(5.0, True), (4.99, False), (None, None)])
def test_target_is_met_from_its_ratio_on(ratio: float | None, met: bool | None) -> None:
    contenders = {} if ratio is None else {KERAS: {"ratio_to_ours": {"median": ratio}}}
    target = judged_target({"mlp": {"contenders": contenders}}, "mlp", KERAS, 5.0)
    assert target["met"] is met
    assert target["measured"] == ("not measured" if ratio is None else ratio)


def test_targets_are_of_what_is_measured() -> None:
    assert {(model, name) for model, name, _ in TARGETS} <= {
        (workload.model, name) for workload in FULL for name in workload.contenders
    }


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the counter is the process' own")
def test_peak_memory_is_not_that_of_the_process_which_started_it() -> None:
    ballast = np.ones(200_000_000, dtype=np.uint8)
    program = "from benchmarks.answering import peak_memory_bytes; print(peak_memory_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 1_000_000 < int(done.stdout) < ballast.nbytes
