"""Networks too large for one ONNX file: the limit is lowered, the rest is as with gigabytes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file

from artifacts.files import sha256_of_file
from commands.main import main
from export import saving
from untrusted.sealed_json import sealed

Capture = pytest.CaptureFixture[str]
FILES = ["model.onnx", "model.onnx.data"]


@pytest.fixture
def small(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def large(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny run, exported as if its weights were more than a file can hold."""
    with monkeypatch.context() as patch:
        patch.setattr(saving, "PROTOBUF_LIMIT_BYTES", 1000)
        assert main(["export", "--run", str(small)]) == 0
    return small


def record(run: Path) -> Any:
    return json.loads((run / "export.json").read_text())


def evaluated(capsys: Capture, *options: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main(["evaluate", "--no-latency", "--json", *options]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def model_files(run: Path) -> list[str]:
    assert not list(run.glob(".onnxproof-*"))
    return sorted(path.name for path in run.glob("model*"))


def test_weights_lie_in_one_file_beside_and_are_recorded(large: Path) -> None:
    assert model_files(large) == FILES
    data = large / "model.onnx.data"
    assert record(large)["variants"]["float32"]["external_data"] == {
        "file": "model.onnx.data",
        "sha256": sha256_of_file(data),
        "bytes": data.stat().st_size,
    }
    assert (large / "model.onnx").stat().st_size < data.stat().st_size
    trained = load_file(large / "weights.safetensors")
    found = {
        w.name: numpy_helper.to_array(w) for w in onnx.load(large / "model.onnx").graph.initializer
    }
    for name in ("network.1.weight", "network.3.weight"):
        np.testing.assert_array_equal(found[name], trained[name])


def test_limit_is_protobufs(small: Path) -> None:
    assert saving.PROTOBUF_LIMIT_BYTES == 2_147_483_647
    assert record(small)["variants"]["float32"]["external_data"] is None
    assert model_files(small) == ["model.onnx"]


@pytest.mark.parametrize("reference", ["recorded", "live"])
def test_large_network_is_evaluated(capsys: Capture, large: Path, reference: str) -> None:
    evaluation = evaluated(capsys, "--run", str(large), "--reference", reference)
    assert evaluation["verdict"] == "pass"
    sha256 = sha256_of_file(large / "model.onnx.data")
    assert evaluation["model"]["external_data"] == {"model.onnx.data": sha256}


def test_file_with_weights_beside_is_evaluated_from_anywhere(
    capsys: Capture, large: Path, tiny_npz: Path
) -> None:
    options = ("--dataset", str(tiny_npz), "--onnx", "run/model.onnx")
    evaluation = evaluated(capsys, *options, "--reference-onnx", str(large / "model.onnx"))
    weights = {"model.onnx.data": sha256_of_file(large / "model.onnx.data")}
    assert evaluation["model"]["external_data"] == weights
    assert evaluation["reference_external_data"] == weights
    assert evaluation["parity"]["max_abs"] < 1e-4


def change_weight(run: Path, name: str) -> None:
    """Change a weight in the data file, and let the record say that it is right."""
    (weight,) = (
        w
        for w in onnx.load(run / "model.onnx", load_external_data=False).graph.initializer
        if w.name == name
    )
    entries = {entry.key: entry.value for entry in weight.external_data}
    data = run / "model.onnx.data"
    values = np.memmap(data, np.float32, "r+", int(entries["offset"]), tuple(weight.dims))
    values.flat[np.abs(values).argmax()] *= 1.1
    values.flush()
    changed = record(run)
    changed["variants"]["float32"]["external_data"]["sha256"] = sha256_of_file(data)
    (run / "export.json").write_text(json.dumps(sealed(changed)))


def test_departing_node_of_a_large_network_is_explained(capsys: Capture, large: Path) -> None:
    change_weight(large, "network.3.weight")
    explanation = evaluated(capsys, "--run", str(large), "--explain", code=1)["explanation"]
    assert (explanation["op_type"], explanation["module"]) == ("Gemm", "network.3")
    assert explanation["against"] == "pytorch"


def test_departure_of_a_large_file_from_another_is_looked_for(
    capsys: Capture, large: Path, finished_run: Path, tiny_npz: Path
) -> None:
    change_weight(large, "network.3.weight")
    files = ("--onnx", str(large / "model.onnx"), "--reference-onnx", f"{finished_run}/model.onnx")
    found = evaluated(capsys, "--dataset", str(tiny_npz), *files, "--explain", code=1)
    assert found["explanation"]["against"] == "unoptimized-cpu"
    assert found["explanation"]["node"] is None  # it computes what is written


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_run_is_refused_when_its_weights_are(capsys: Capture, large: Path, damage: str) -> None:
    data = large / "model.onnx.data"
    content = data.read_bytes()
    data.unlink() if damage == "missing" else data.write_bytes(content[:-1] + b"?")
    assert main(["evaluate", "--run", str(large), "--no-latency"]) == 4
    assert f"error: {data}: " in capsys.readouterr().err
    data.write_bytes(content)
    assert main(["evaluate", "--run", str(large), "--no-latency"]) == 0


def test_weights_beside_are_removed_when_the_network_is_small_again(large: Path) -> None:
    assert main(["export", "--run", str(large)]) == 0
    assert model_files(large) == ["model.onnx"]
    assert record(large)["variants"]["float32"]["external_data"] is None


def test_both_files_stay_as_they_were_when_the_new_graph_is_wrong(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in large.iterdir() if path.is_file()}
    forward = torch.nn.Linear.forward

    def wrong_when_exporting(self: torch.nn.Linear, values: torch.Tensor) -> torch.Tensor:
        result = forward(self, values)
        return result + 0.01 if torch.compiler.is_exporting() else result

    monkeypatch.setattr(torch.nn.Linear, "forward", wrong_when_exporting)
    for limit in (1000, saving.PROTOBUF_LIMIT_BYTES):
        monkeypatch.setattr(saving, "PROTOBUF_LIMIT_BYTES", limit)
        assert main(["export", "--run", str(large)]) == 5
        assert model_files(large) == FILES
        assert {p.name: p.read_bytes() for p in large.iterdir() if p.is_file()} == before


def test_half_replaced_pair_is_no_export(
    capsys: Capture, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the two replacements: the record is gone, so nobody takes old for new."""
    replace = Path.replace

    def stopped(self: Path, target: Path) -> Path:
        if target.name == "model.onnx.data":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(saving, "PROTOBUF_LIMIT_BYTES", 1000)
        patch.setattr(Path, "replace", stopped)
        assert main(["export", "--run", str(large), "--opset", "21"]) == 5
    assert main(["evaluate", "--run", str(large), "--no-latency"]) == 4
    assert "no exported network here" in capsys.readouterr().err
    assert main(["export", "--run", str(large)]) == 0
    assert main(["evaluate", "--run", str(large), "--no-latency"]) == 0
