"""Broken models, each as it happens to people; every one must fail, for the right reason."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from artifacts.files import sha256_of_file
from artifacts.logits import load_reference, save_reference
from commands.main import main
from tests.evaluate.onnx_files import linear_nodes, write_model
from untrusted.sealed_json import sealed

Capture = pytest.CaptureFixture[str]
Change = Callable[[ModelProto], None]


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def evaluated(capsys: Capture, run: Path, *options: str, code: int = 1) -> Any:
    arguments = ["evaluate", "--run", str(run), "--json", *options]
    assert main(arguments) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def change_model(run: Path, change: Change) -> None:
    """Change the ONNX file as a broken exporter would, and let the record say that it is right."""
    path = run / "model.onnx"
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    record = json.loads((run / "export.json").read_text())
    record["variants"]["float32"]["onnx_sha256"] = sha256_of_file(path)
    record["variants"]["float32"]["file_bytes"] = path.stat().st_size
    (run / "export.json").write_text(json.dumps(sealed(record)))


def with_values(name: str, change: Callable[[Any], Any]) -> Change:
    def apply(model: ModelProto) -> None:
        (tensor,) = (t for t in model.graph.initializer if t.name == name)
        values = np.asarray(change(numpy_helper.to_array(tensor).copy()), np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, name))

    return apply


def in_front_of_logits(nodes: list[onnx.NodeProto], tensors: list[TensorProto]) -> Change:
    """Put nodes between `before` and `logits` at the end of the graph."""

    def apply(model: ModelProto) -> None:
        graph: GraphProto = model.graph
        graph.node[-1].output[0] = "before"
        graph.node.extend(nodes)
        graph.initializer.extend(tensors)

    return apply


def tensor(name: str, values: Any, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def one_percent_more(values: Any) -> Any:
    values.flat[np.abs(values).argmax()] *= 1.01
    return values


def one_nan(values: Any) -> Any:
    values.flat[0] = np.nan
    return values


def two_at_a_time(model: ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 2


DROPOUT = in_front_of_logits(
    [helper.make_node("Dropout", ["before", "ratio", "training"], ["logits"], name="dropout")],
    [tensor("ratio", 0.5), tensor("training", True, np.bool_)],
)
BATCH_NORM = in_front_of_logits(  # what BatchNormalization computes in training mode
    [
        helper.make_node("ReduceMean", ["before", "axis"], ["mean_of_batch"], keepdims=1),
        helper.make_node("Sub", ["before", "mean_of_batch"], ["logits"]),
    ],
    [tensor("axis", [0], np.int64)],
)
PERMUTED = in_front_of_logits(
    [helper.make_node("Gather", ["before", "order"], ["logits"], axis=1)],
    [tensor("order", [1, 0, 2], np.int64)],
)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (with_values("network.1.weight", one_percent_more), ["logits differ by more"]),
        (with_values("network.1.weight", one_nan), ["logits are not finite numbers"]),
        (with_values("mean", lambda mean: mean * 1.02), ["logits differ by more"]),
        (with_values("std", lambda std: std / 255), ["logits differ by more"]),
        (PERMUTED, ["logits differ by more", "unexplained flips"]),
        (DROPOUT, ["logits differ by more", "unexplained flips"]),
        (BATCH_NORM, ["logits differ by more", "batch: an image gets other logits alone"]),
        (two_at_a_time, ["batch: the graph takes 2 images at a time"]),
    ],
    ids=["weight", "nan", "mean", "std", "permuted", "dropout", "batch-norm", "fixed-batch"],
)
def test_broken_export_fails_for_its_reason(
    capsys: Capture, run: Path, change: Change, reasons: list[str]
) -> None:
    change_model(run, change)
    evaluation = evaluated(capsys, run, "--no-latency")
    told = "\n".join(evaluation["failures"])
    assert all(reason in told for reason in reasons), told
    assert evaluation["verdict"] == "fail"


@pytest.mark.parametrize(
    ("change", "op_types"),
    [
        (with_values("network.1.weight", one_percent_more), {"Gemm", "MatMul"}),
        (with_values("mean", lambda mean: mean * 1.02), {"Sub"}),
        (with_values("std", lambda std: std * 1.02), {"Div"}),
    ],
    ids=["weight", "mean", "std"],
)
def test_explanation_names_the_broken_node(
    capsys: Capture, run: Path, change: Change, op_types: set[str]
) -> None:
    change_model(run, change)
    explanation = evaluated(capsys, run, "--no-latency", "--explain")["explanation"]
    assert explanation["op_type"] in op_types
    assert explanation["against"] == "pytorch"
    if op_types & {"Gemm"}:
        assert explanation["module"] == "network.1"
    assert main(["evaluate", "--run", str(run), "--no-latency", "--explain"]) == 1
    assert "is the first to depart from PyTorch" in capsys.readouterr().out


def test_explanation_is_not_made_where_parity_holds(capsys: Capture, run: Path) -> None:
    assert evaluated(capsys, run, "--no-latency", "--explain", code=0)["explanation"] is None


def test_truncated_test_set_is_refused(
    capsys: Capture, run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    with np.load(tiny_npz) as whole:
        arrays = dict(whole)
    for name in ("test_images", "test_labels"):
        arrays[name] = arrays[name][:-1]
    np.savez(tmp_path / "short.npz", **arrays)
    options = ["--dataset", str(tmp_path / "short.npz"), "--no-latency"]
    assert main(["evaluate", "--run", str(run), *options]) == 4
    assert "is not the dataset that the run was trained on" in capsys.readouterr().err
    assert not (run / "evaluations").exists()


def change_reference(run: Path, change: Callable[[Any], Any]) -> None:
    """Replace PyTorch's recorded logits, and let the record say that they are right."""
    import dataclasses

    path = run / "reference.npz"
    recorded = load_reference(path)
    changed = dataclasses.replace(
        recorded,
        float32_NK=np.array(change(np.array(recorded.float32_NK))),
        float64_NK=np.array(change(np.array(recorded.float64_NK))),
    )
    record = json.loads((run / "export.json").read_text())
    record["reference"]["sha256"] = save_reference(path, changed)
    record["reference"]["bytes"] = path.stat().st_size
    (run / "export.json").write_text(json.dumps(sealed(record)))


def test_shorter_reference_is_refused(capsys: Capture, run: Path) -> None:
    change_reference(run, lambda logits: logits[:-1])
    assert main(["evaluate", "--run", str(run), "--no-latency"]) == 4
    assert "was computed on another test split" in capsys.readouterr().err


def test_recorded_reference_that_pytorch_does_not_give_any_more_fails(
    capsys: Capture, run: Path
) -> None:
    live = evaluated(capsys, run, "--no-latency", "--reference", "live", code=0)["parity"]
    assert live["reference"] == "live"
    assert live["live"]["within_tolerance"]
    change_reference(run, lambda logits: logits + 0.5)
    evaluation = evaluated(capsys, run, "--no-latency", "--reference", "live")
    assert evaluation["failures"] == [
        "parity: PyTorch's logits of now are not the recorded ones; largest difference 0.5:"
        " export again"
    ]


def write_data(path: Path, examples: int = 60) -> Path:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (examples, 1, 2, 2), dtype=np.uint8)
    labels = np.arange(examples) % 3
    np.savez(
        path, train_images=images[:9], train_labels=labels[:9], test_images=images,
        test_labels=labels,
    )  # fmt: skip
    return path


@pytest.mark.parametrize("reference", [False, True])
def test_constant_output_fails_with_and_without_a_reference(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_model(tmp_path / "z.onnx", linear_nodes(), weight=np.zeros((4, 3), np.float32))
    options = ["--onnx", str(path), "--dataset", str(write_data(tmp_path / "d.npz"))]
    options += ["--reference-onnx", str(path)] if reference else []
    assert main(["evaluate", *options, "--no-latency"]) == 1
    assert (
        "gives every image the same"
        if reference
        else "every image gets the same" in (capsys.readouterr().out)
    )


def test_dependence_on_the_batch_fails_also_where_both_sides_depend_on_it(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [
        *linear_nodes(logits="before"),
        helper.make_node("Constant", [], ["axis"], value_ints=[0]),
        helper.make_node("ReduceMean", ["before", "axis"], ["mean_of_batch"], keepdims=1),
        helper.make_node("Sub", ["before", "mean_of_batch"], ["logits"]),
    ]
    path = write_model(tmp_path / "batch.onnx", nodes)
    options = ["--dataset", str(write_data(tmp_path / "d.npz")), "--reference-onnx", str(path)]
    assert main(["evaluate", "--onnx", str(path), *options, "--no-latency", "--json"]) == 1
    evaluation = json.loads(capsys.readouterr().out)
    (failure,) = evaluation["failures"]
    assert failure.startswith("batch: an image gets other logits alone than among others")
    assert evaluation["parity"]["within_tolerance"]


def test_all_failures_are_listed(capsys: Capture, run: Path) -> None:
    change_model(run, PERMUTED)
    gates = ("--min-accuracy", "0.99", "--max-accuracy-drop", "1", "--max-flips", "0")
    slow = ("--max-p50-ms", "0.000001", "--min-speedup", "1000000", "--min-seconds", "0.1")
    failures = evaluated(capsys, run, *gates, *slow, "--batch-sizes", "1,2")["failures"]
    for told in ("logits differ", "unexplained", "more than --max-flips", "below --min-accuracy",
                 "more than --max-accuracy-drop"):  # fmt: skip
        assert sum(told in failure for failure in failures) == 1, told
    for batch in (1, 2):
        where = f"latency at batch {batch}: "
        assert sum(failure.startswith(where) for failure in failures) == 2


def test_worse_than_the_baseline_fails(capsys: Capture, run: Path, tmp_path: Path) -> None:
    evaluated(capsys, run, "--no-latency", code=0)
    earlier = shutil.copy(run / "evaluations" / "float32-cpu.json", tmp_path / "earlier.json")
    options = ("--no-latency", "--baseline", str(earlier))
    assert evaluated(capsys, run, *options, code=0)["baseline"]["accuracy_worse"] is False
    change_model(run, PERMUTED)
    failures = evaluated(capsys, run, *options)["failures"]
    assert any(failure.startswith("baseline: accuracy changed by -") for failure in failures)


@pytest.mark.parametrize("scenario", ["offline", "server"])
def test_scenarios_are_measured_and_recorded(capsys: Capture, run: Path, scenario: str) -> None:
    options = ("--scenario", scenario, "--min-seconds", "0.05", "--threads", "1")
    evaluation = evaluated(capsys, run, *options, code=0)
    assert evaluation["scenario"] == scenario
    assert evaluation["latency"] == []
    assert evaluation[scenario]["outputs_verified"] is True
    assert main(["evaluate", "--run", str(run), *options]) == 0
    assert f"\n  {scenario}" in capsys.readouterr().out
