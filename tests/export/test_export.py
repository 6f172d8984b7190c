import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from artifacts.chain import exported_network, trained_network
from artifacts.logits import load_reference
from artifacts.run_directory import RunDirectory
from commands.main import main
from data import load_dataset
from models import build
from models.weights import load_weights


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> RunDirectory:
    return RunDirectory(Path(shutil.copytree(finished_run, tmp_path / "run")))


def contents(run: RunDirectory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.root.iterdir() if path.is_file()}


def logits_by_hand(run: RunDirectory, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The MLP in numpy's float64, from the weights file alone."""
    network = build(**trained_network(run).model.model_dump())
    load_weights(run.weights, network)
    state = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}
    values: NDArray[np.float64]
    values = ((images - state["mean"]) / state["std"]).reshape(len(images), -1)
    layers = sorted({name.rsplit(".", 1)[0] for name in state if name.startswith("network")})
    for number, layer in enumerate(layers):
        values = values @ state[f"{layer}.weight"].T + state[f"{layer}.bias"]
        if number < len(layers) - 1:
            values = np.maximum(values, 0)
    return values


def test_reference_holds_pytorch_s_logits_of_every_test_image(
    run: RunDirectory, tiny_npz: Path
) -> None:
    reference = load_reference(run.reference)
    dataset = load_dataset(str(tiny_npz))
    by_hand = logits_by_hand(run, dataset.test.images)
    assert reference.float32_NK.shape == (67, 3)
    np.testing.assert_allclose(reference.float64_NK, by_hand, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(reference.float32_NK, by_hand, rtol=1e-4, atol=1e-4)
    assert np.abs(reference.float32_NK - by_hand).max() > 0  # float32 was not copied from float64
    assert reference.dataset_sha256 == dataset.sha256
    assert reference.split_sha256 == dataset.test.sha256


def test_reference_is_kept_when_weights_and_data_are_the_same(run: RunDirectory) -> None:
    before = run.reference.stat().st_mtime_ns, run.reference.read_bytes()
    assert main(["export", "--run", str(run.root), "--opset", "21"]) == 0
    assert (run.reference.stat().st_mtime_ns, run.reference.read_bytes()) == before
    assert exported_network(run, "float32").variant.opset == 21


def test_damaged_reference_is_made_anew(run: RunDirectory) -> None:
    whole = run.reference.read_bytes()
    run.reference.write_bytes(whole[:-50])
    assert main(["export", "--run", str(run.root)]) == 0
    assert run.reference.read_bytes() == whole
    assert exported_network(run, "float32").reference.examples == 67


def test_export_is_reproducible(run: RunDirectory) -> None:
    before = run.onnx("float32").read_bytes()
    assert main(["export", "--run", str(run.root)]) == 0
    assert run.onnx("float32").read_bytes() == before


def test_old_export_stays_whole_when_the_new_graph_is_wrong(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(run)
    forward = torch.nn.Linear.forward

    def wrong_when_exporting(self: torch.nn.Linear, values: torch.Tensor) -> torch.Tensor:
        result = forward(self, values)
        return result + 0.01 if torch.compiler.is_exporting() else result

    monkeypatch.setattr(torch.nn.Linear, "forward", wrong_when_exporting)
    assert main(["export", "--run", str(run.root)]) == 5
    assert "logits differ from PyTorch's" in capsys.readouterr().err
    assert contents(run) == before


def test_export_refuses_weights_of_another_network(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(run)
    run.weights.write_bytes(before["weights.safetensors"][:-4] + b"\0\0\0\0")
    assert main(["export", "--run", str(run.root)]) == 4
    assert "weights.safetensors: is not the file" in capsys.readouterr().err
    run.weights.write_bytes(before["weights.safetensors"])
    assert contents(run) == before


def test_record_says_what_was_checked(run: RunDirectory) -> None:
    record = json.loads(run.export.read_text())["variants"]["float32"]
    assert [check["batch_size"] for check in record["batch_checks"]] == [1, 2, 7, 256]
    assert record["inputs"] == [{"name": "images", "dtype": "uint8", "shape": ["batch", 1, 8, 8]}]
    assert record["outputs"] == [{"name": "logits", "dtype": "float32", "shape": ["batch", 3]}]
    assert record["file_bytes"] == run.onnx("float32").stat().st_size
    assert record["command"].startswith("python ")
