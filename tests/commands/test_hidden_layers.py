"""Widths and dropout through every command that builds a network from its record."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image
from safetensors.torch import load_file

from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Imported, ModelSpec, Recipe
from commands.main import main
from tests.trainers.runs import LONG, stop_at, train

Capture = pytest.CaptureFixture[str]
OTHER = ("--widths", "24,16,12", "--dropout", "0.2")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: Capture, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("model", "widths"), [("mlp", (24, 16, 12)), ("lenet5", (24, 16))])
def test_network_of_other_widths_and_dropout_is_proved(
    model: str, widths: tuple[int, ...], tiny_npz: Path, here: Path, capsys: Capture
) -> None:
    options = ["--widths", ",".join(map(str, widths)), "--dropout", "0.2"]
    run = RunDirectory(here / "run")
    assert train(tiny_npz, run.root, *options, model=model, epochs=12) == 0
    spec = read_record(run.recipe, Recipe).model
    assert (spec.widths, spec.dropout) == (widths, 0.2)
    capsys.readouterr()
    printed(capsys, "export", "--run", "run")
    graph = onnx.load(run.onnx("float32")).graph
    assert "Dropout" not in {node.op_type for node in graph.node}
    shapes = [numpy_helper.to_array(one).shape for one in graph.initializer]
    biases = {shape[0] for shape in shapes if len(shape) == 1}
    assert {*widths, 3} <= biases
    live = ["--no-latency", "--reference", "live"]  # the network is built from its record again
    evaluation = printed(capsys, "evaluate", "--run", "run", *live)
    assert evaluation["verdict"] == "pass"
    assert evaluation["parity"]["unexplained_flips"] == 0
    assert evaluation["accuracy"]["top1"] > 0.5
    assert printed(capsys, "verify", "run")["intact"]
    Image.new("L", (8, 8), 90).save("grey.png")
    assert printed(capsys, "predict", "grey.png", "--run", "run")
    assert main(["report", "run"]) == 0
    assert f"widths {','.join(map(str, widths))}, dropout 0.2" in run.report.read_text()


def test_graph_without_dropout_is_as_before(finished_run: Path) -> None:
    kinds = [node.op_type for node in onnx.load(finished_run / "model.onnx").graph.node]
    assert kinds.count("Gemm") + kinds.count("MatMul") == 3
    assert kinds.count("Relu") == 2
    assert not {"Dropout", "Identity"} & set(kinds)


def test_older_records_without_widths_are_read(finished_run: Path) -> None:
    recipe = json.loads((finished_run / "recipe.json").read_text())
    model = recipe["model"]
    assert (model.pop("widths"), model.pop("dropout")) == (None, 0.0)
    spec = ModelSpec.model_validate_json(json.dumps(model), strict=True)
    assert spec == read_record(finished_run / "recipe.json", Recipe).model


def test_training_with_dropout_is_resumed_bit_for_bit_and_with_the_same_layers_alone(
    tiny_npz: Path, here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(tiny_npz, here / "whole", *OTHER, *LONG, epochs=3) == 0
    with monkeypatch.context() as patch:
        stop_at(4, 2, patch, signal.SIGTERM)
        assert train(tiny_npz, here / "parts", *OTHER, *LONG, epochs=3) == 143
    for other in ((), ("--widths", "24,16,12"), ("--widths", "24,16", "--dropout", "0.2")):
        capsys.readouterr()
        assert train(tiny_npz, here / "parts", *other, *LONG, "--resume", epochs=3) == 2
        told = capsys.readouterr().err
        assert "was begun with model mlp (widths 24,16,12; dropout 0.2), not mlp" in told
    assert train(tiny_npz, here / "parts", *OTHER, *LONG, "--resume", epochs=3) == 0
    weights = [(here / run / "weights.safetensors").read_bytes() for run in ("whole", "parts")]
    assert weights[0] == weights[1]


def test_own_widths_said_are_the_same_training_as_not_said(
    tiny_npz: Path, finished_run: Path, here: Path
) -> None:
    shutil.copytree(finished_run, here / "run")
    options = ("--widths", "128,64", "--dropout", "0", "--resume")
    assert train(tiny_npz, here / "run", *options, epochs=4) == 0
    assert read_record(here / "run" / "recipe.json", Recipe).model.widths is None


def test_weights_of_such_a_network_begin_another_training(
    tiny_npz: Path, here: Path, capsys: Capture
) -> None:
    assert train(tiny_npz, here / "first", *OTHER, epochs=1) == 0
    weights = ("--weights", "first/weights.safetensors")
    same = ("--widths", "24,16,12")
    assert train(tiny_npz, here / "second", *weights, *same, epochs=1) == 0
    capsys.readouterr()
    assert train(tiny_npz, here / "third", *weights, epochs=1) == 4
    assert "tensor" in capsys.readouterr().err


def test_weights_from_elsewhere_say_their_widths_themselves(
    tiny_npz: Path, here: Path, capsys: Capture
) -> None:
    assert train(tiny_npz, here / "ours", *OTHER, epochs=1) == 0
    tensors = load_file("ours/weights.safetensors")
    network = {key.removeprefix("network."): t for key, t in tensors.items() if "network" in key}
    torch.save(network, "theirs.pt")
    capsys.readouterr()
    theirs = ["--checkpoint", "theirs.pt", "--model", "mlp", "--dataset", str(tiny_npz)]
    printed(capsys, "export", *theirs, "--run", "theirs")
    record = read_record(Path("theirs/imported.json"), Imported)
    assert (record.model.widths, record.model.dropout) == ((24, 16, 12), 0)
    assert printed(capsys, "evaluate", "--run", "theirs", "--no-latency")["verdict"] == "pass"


@pytest.mark.parametrize(
    ("model", "options", "told"),
    [
        ("resnet18", ("--widths", "8"), "error: --widths: resnet18 has none: wanted mlp or lenet5"),
        ("logistic", ("--dropout", "0.1"), "error: --dropout: logistic has none: wanted mlp or"),
        ("lenet5", ("--widths", "8"), "error: --widths: wanted 2 of them for lenet5, found 1"),
        ("mlp", ("--widths", "8,,9"), "wanted integers from 1 to 65536 with commas between"),
        ("mlp", ("--widths", "0"), "wanted integers from 1 to 65536 with commas between"),
        ("mlp", ("--widths", "70000"), "wanted integers from 1 to 65536 with commas between"),
        ("mlp", ("--dropout", "1"), "1.0 is not in the range 0<=x<1"),
        ("mlp", ("--dropout", "nan"), "wanted a finite number, found nan"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(
    model: str, options: tuple[str, ...], told: str, tiny_npz: Path, here: Path, capsys: Capture
) -> None:
    assert train(tiny_npz, here / "run", *options, model=model) == 2
    assert told in capsys.readouterr().err
    assert not (here / "run").exists()
