"""Files that are refused for what is in them; read here as the child does, which need not die."""

from pathlib import Path

import pytest
from onnx import ModelProto

from errors import ArtifactError, UnfinishedError
from evaluate.first_run import first_run
from evaluate.providers import ONNX_RUNTIME_VERSION
from tests.evaluate import hostile_files as hostile
from tests.evaluate.hostile_files import FLOATS, NODE, model_of

UNKNOWN = "their\x1b[31m.own"


def unknown_domain() -> ModelProto:
    nodes = [*FLOATS, NODE("Foo\nBar", ["flat"], ["logits"], domain=UNKNOWN)]
    return model_of(nodes, domains=[UNKNOWN])


def without_opset() -> ModelProto:
    model = hostile.flat_logits()
    model.ClearField("opset_import")
    return model


def tried(path: Path, model: ModelProto | bytes) -> dict[str, object]:
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return first_run(str(path), None, {}, {})


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (b"", "is no ONNX model: it has no operators"),
        (b"hello\nworld\n" * 99, "is no ONNX model"),
        (model_of([]), "is no ONNX model: it has no operators"),
        (hostile.flat_logits(outputs=()), "is no ONNX model: it has no outputs"),
        (without_opset(), "is no ONNX model: it has no opset"),
        (hostile.nested(300), "is no ONNX model"),
        (hostile.nested(3_000), "is no ONNX model"),
        (
            hostile.flat_logits(opset=99),
            f"has opset 99: ONNX Runtime {ONNX_RUNTIME_VERSION} knows those up to",
        ),
        (hostile.flat_logits(opset=2**40), "has opset 1099511627776: ONNX Runtime"),
        (hostile.flat_logits(opset=-3), "has opset -3: ONNX Runtime"),
        (hostile.flat_logits(ir_version=99), "has IR version 99: ONNX Runtime"),
        (unknown_domain(), r"does not have: 'their\x1b[31m.own::Foo\nBar'"),
        (
            model_of([*FLOATS, NODE("Foo", ["flat"], ["logits"])]),
            "is no valid ONNX model: No Op registered for Foo",
        ),
        (
            model_of([*FLOATS, NODE("Add", ["flat", "gone"], ["logits"])]),
            "is no valid ONNX model: Nodes in a graph must be topologically sorted",
        ),
        (
            model_of([NODE("Log", ["images"], ["logits"])]),
            "is no valid ONNX model: [ShapeInferenceError]",
        ),
        (hostile.sparse([1, 10**12]), "index value at position [1] out of range [0, 3]"),
        (hostile.sparse([-5, 1]), "index value at position [0] out of range [0, 3]"),
        (hostile.weight_of([10**12]), "is too small for the declared shape"),
        (hostile.weight_of([-1]), "Negative dimension value"),
        (hostile.weight_of([2**32, 2**32]), "Tensor dimension product overflow"),
    ],
)
def test_file_that_is_no_model_of_here_is_refused_in_one_line(
    tmp_path: Path, model: ModelProto | bytes, problem: str
) -> None:
    with pytest.raises(ArtifactError) as caught:
        tried(tmp_path / "x.onnx", model)
    assert caught.value.subject == str(tmp_path / "x.onnx")
    assert problem in caught.value.problem
    assert caught.value.problem.isprintable()


@pytest.mark.parametrize(
    "model",
    [hostile.sparse([1, 2]), hostile.not_a_number(), hostile.doubling_functions(3)],
    ids=["sparse weight", "no numbers", "own functions"],
)
def test_odd_but_valid_file_is_run(tmp_path: Path, model: ModelProto) -> None:
    assert tried(tmp_path / "x.onnx", model)["softmaxed"] == []


def test_what_onnx_runtime_cannot_load_is_told_with_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(UnfinishedError, match=r"x\.onnx: ONNX Runtime cannot load it: ") as caught:
        tried(tmp_path / "x.onnx", hostile.sparse([1, 2], dims=10**12))
    assert caught.value.problem.isprintable()
