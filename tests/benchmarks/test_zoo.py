"""The sweep: weights that prove something, a process for each network, rows that are kept."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import zoo
from benchmarks.measuring import ROOT
from benchmarks.random_network import make_telling, varied_images
from benchmarks.zoo_tables import zoo_table
from models import build, network_name
from models.foreign_weights import head_names

SHAPE: dict[str, Any] = {"num_classes": 20, "in_channels": 3, "image_size": (64, 64)}


@pytest.mark.parametrize("name", ["vit_b_32", "convnext_tiny", "mobilenet_v3_small", "googlenet"])
def test_telling_network_s_logits_vary_by_about_one(name: str) -> None:
    torch.manual_seed(0)
    classifier = build(f"torchvision:{name}", **SHAPE, mean=[120.0], std=[60.0])
    images = varied_images(4, 64)
    with torch.inference_mode():
        before = classifier.eval()(torch.from_numpy(images))
    make_telling(classifier, images, head_names(network_name(f"torchvision:{name}"), 3, (64, 64)))
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(images))
    assert float((logits - logits.mean(dim=0)).std()) == pytest.approx(1, rel=1e-3)
    if name == "vit_b_32":
        assert not before.any()  # what a bare comparison would have passed on


def test_images_of_the_sweep_differ_after_a_mean_over_their_places() -> None:
    images = varied_images(5, 33)
    assert images.shape == (5, 3, 33, 33)
    means = images.mean(axis=(2, 3))
    assert np.ptp(means, axis=0).min() > 20


def sweep(out: Path, *models: str) -> int:
    arguments = [word for model in models for word in ("--model", model)]
    words = [sys.executable, "-m", "benchmarks.zoo", *arguments, "--out", str(out)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode


def test_sweep_gives_each_network_a_row_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "zoo-some.json"
    missing, small = "torchvision:no_such_network", "torchvision:shufflenet_v2_x0_5"
    assert sweep(out, missing, small) == 1
    document = json.loads(out.read_text())
    error, row = document["rows"]
    assert error["verdict"] == "error"
    assert "no classification network 'no_such_network'" in error["failures"][0]
    assert row["verdict"] == "pass"
    assert row["parameters"] == 1_366_792
    assert row["max_abs_over_largest_logit"] < 1e-5
    row["nodes"] = 7  # a row that is there is kept, not measured again
    out.write_text(json.dumps(document))
    assert sweep(out, small) == 0
    assert json.loads(out.read_text())["rows"][1]["nodes"] == 7
    document["versions"]["torch"] = "1.0"
    out.write_text(json.dumps(document))
    assert zoo._rows_so_far(out) == {}
    table = zoo_table({"name": "some", **document})
    assert "1 of 2 pass" in table
    assert "error: " in table


def test_network_that_crashes_costs_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    row = zoo._in_a_process("torchvision:alexnet")
    assert (row["verdict"], row["failures"]) == ("error", ["killed by signal 9"])
    script.write_text("#!/bin/sh\necho 'MemoryError' >&2; exit 1\n")
    assert zoo._in_a_process("torchvision:alexnet")["failures"] == ["MemoryError"]
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(zoo, "TIME_LIMIT_SECONDS", 0.2)
    assert zoo._in_a_process("torchvision:alexnet")["failures"] == ["not finished after 0.2 s"]
