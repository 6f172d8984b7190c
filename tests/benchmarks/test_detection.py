"""Each planted fault is one, the file that ours is asked about has it, and the table counts."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from artifacts.chain import trained_network
from artifacts.run_directory import RunDirectory
from benchmarks.detection.__main__ import judged_targets
from benchmarks.detection.bench import sound_networks
from benchmarks.detection.materials import colour_digits, trained_classifier, truncated
from benchmarks.detection.ours import run_with_another_file, verdict
from benchmarks.detection.planted import FAULTS, Planted, last_layer
from benchmarks.detection_tables import detection_table
from benchmarks.own_commands import Finished
from models import build
from models.classifier import Classifier

IMAGES = torch.arange(6 * 3 * 28 * 28).reshape(6, 3, 28, 28).mul(7).remainder(97).to(torch.uint8)


@pytest.fixture(scope="module")
def sound() -> Classifier:
    torch.manual_seed(0)
    network = build("resnet18", num_classes=10, in_channels=3, image_size=(28, 28))
    network.mean.fill_(80.0)  # the images are darker than most, as one of the faults wants them,
    network.std.fill_(5.0)  # and reach further than noise, as another one does
    with torch.no_grad():
        last_layer(network).bias.add_(1)
    return network.eval()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
@torch.inference_mode()
def test_fault_changes_the_logits_and_leaves_the_sound_network(
    sound: Classifier, fault: Planted
) -> None:
    before = sound(IMAGES)
    deployed = fault.deployed(sound)(IMAGES)
    assert torch.equal(sound(IMAGES), before)
    assert torch.equal(deployed, before) is fault.fixed_batch


def test_only_the_numbers_can_tell_that_a_run_has_another_network(
    finished_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    sound = trained_classifier(trained_network(RunDirectory(run)))
    same = run_with_another_file(run, tmp_path / "same", sound, fixed_batch=False)
    assert verdict(same) == {"caught": False, "said": ""}
    (one_percent,) = (fault for fault in FAULTS if fault.name == "a weight is 1% larger")
    changed = run_with_another_file(
        run, tmp_path / "changed", one_percent.deployed(sound), fixed_batch=True
    )
    session = onnxruntime.InferenceSession(changed / "model.onnx")
    assert session.get_inputs()[0].shape[0] == 2
    found = verdict(changed)
    assert found["caught"]
    assert found["said"].startswith("parity: ")
    missing = verdict(tmp_path / "none")
    assert missing["said"].startswith("exit 4: ")


def test_refused_export_of_a_sound_network_is_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: str, folder: Path) -> Finished:
        return Finished([], returncode=5, stdout="", stderr="a log line\nerror: export: differs\n")

    monkeypatch.setattr("benchmarks.detection.bench.onnxproof", refused)
    ((row, case),) = sound_networks(tmp_path, ("logistic",))
    assert row["ours"] == {"caught": True, "said": "exit 5: export: differs"}
    assert case.weights.is_file()  # others look at it all the same


def test_colours_tell_classes_and_a_truncated_split_is_shorter(tmp_path: Path) -> None:
    whole, shorter = tmp_path / "whole.npz", tmp_path / "shorter.npz"
    colour_digits(whole)
    truncated(whole, shorter)
    with np.load(whole) as arrays, np.load(shorter) as fewer:
        images = arrays["test_images"].astype(float)
        means = [images[arrays["test_labels"] == label].mean(axis=(0, 2, 3)) for label in (0, 2)]
        assert means[0].argmax() != means[1].argmax()
        assert len(fewer["test_labels"]) == len(arrays["test_labels"]) * 9 // 10


def test_table_counts_what_was_found_and_what_was_missed() -> None:
    def row(ours: bool, other: bool, **values: Any) -> dict[str, Any]:
        return values | {
            "ours": {"caught": ours, "said": "no" if ours else ""},
            "others": {"torch": {"caught": other, "said": "not close" if other else ""}},
        }

    changing = {"examples": 9, "answers_changed": 2, "largest_logit_difference": 0.5}
    measured: dict[str, Any] = {
        "faults": [
            row(True, False, fault="a", **changing),
            row(True, True, fault="b", **changing | {"answers_changed": 0}),
            row(False, False, fault="around"),
        ],
        "sound": [row(False, True, network="n"), row(False, False, network="m")],
        "others": {"torch": "2"},
        "command": "x",
        "commit": "1" * 40,
        "environment": {"versions": {"torch": "2"}, "cpu": "c", "cpus": 2, "date": "2026-11-27T"},
    }
    measured["targets"] = judged_targets(measured["faults"], measured["sound"])
    assert [target["met"] for target in measured["targets"]] == [True, True]
    text = detection_table(measured)
    assert "| a | 2 of 9 | 5.0e-01 | found | **missed** |" in text
    assert "| around |  |  | **missed** | **missed** |" in text
    assert "| found of all |  |  | 2 of 3 | 1 of 3 |" in text
    assert "| found of those that change an answer |  |  | 1 of 1 | 0 of 1 |" in text
    assert "| false alarms, 2 sound networks |  |  | 0 of 2 | 1 of 2 |" in text
    assert "| n | torch | not close |" in text


def test_targets_are_missed_where_a_fault_is_or_a_sound_network_is_accused() -> None:
    def row(caught: bool, **values: Any) -> dict[str, Any]:
        return values | {"ours": {"caught": caught, "said": ""}}

    faults = [row(False, answers_changed=1), row(True, answers_changed=2)]
    missed, alarms = judged_targets(faults, [row(True), row(False)])
    assert (missed["met"], missed["measured"]) == (False, "1 of 2")
    assert (alarms["met"], alarms["measured"]) == (False, "1 of 2")
