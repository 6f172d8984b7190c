"""Weights in other files: only of the ONNX file's own directory, whole, and named in the record."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from artifacts.files import sha256_of_file
from errors import ArtifactError, UnfinishedError
from evaluate.external_data import external_files
from evaluate.first_run import first_run
from evaluate.onnx_runtime import OnnxRunner
from tests.evaluate.onnx_files import images_of, linear, linear_nodes, write_model

Change = Callable[[TensorProto, Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A linear classifier whose weight lies in a file and whose bias in another."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = write_model(folder / "linear.onnx", linear_nodes())
    model = onnx.load(path)
    onnx.save(
        model,
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )
    return path


def loaded(path: Path) -> onnx.ModelProto:
    return onnx.load(path, load_external_data=False)


def test_files_are_named_with_their_hashes(path: Path) -> None:
    hashes = {name: sha256_of_file(path.parent / name) for name in ("bias", "weight")}
    assert external_files(loaded(path), path) == hashes
    np.testing.assert_allclose(OnnxRunner(path).run(images_of(4)), linear(images_of(4)))


def test_model_with_all_weights_inside_names_none(tmp_path: Path) -> None:
    path = write_model(tmp_path / "linear.onnx", linear_nodes())
    assert external_files(loaded(path), path) == {}


def set_entry(key: str, value: str) -> Change:
    def change(weight: TensorProto, folder: Path) -> None:
        (entry,) = (entry for entry in weight.external_data if entry.key == key)
        entry.value = value

    return change


def put_elsewhere(where: str) -> Change:
    """The bytes are there and would be read: the place alone is wrong."""

    def change(weight: TensorProto, folder: Path) -> None:
        there = (folder / where).resolve()
        there.parent.mkdir(exist_ok=True)
        there.write_bytes((folder / "weight").read_bytes())
        set_entry("location", where if not where.startswith("ABSOLUTE") else str(there))(
            weight, folder
        )

    return change


def link(weight: TensorProto, folder: Path) -> None:
    (folder / "weight").rename(folder.parent / "secret")
    (folder / "weight").symlink_to(folder.parent / "secret")


def shorten(weight: TensorProto, folder: Path) -> None:
    (folder / "weight").write_bytes((folder / "weight").read_bytes()[:-1])


def remove(weight: TensorProto, folder: Path) -> None:
    (folder / "weight").unlink()


def pipe(weight: TensorProto, folder: Path) -> None:
    remove(weight, folder)
    os.mkfifo(folder / "weight")  # reading it would wait for ever


@pytest.mark.parametrize(
    ("change", "subject", "problem"),
    [
        (put_elsewhere("../weight"), "linear.onnx", r"'weight' lies in '\.\./weight': wanted"),
        (put_elsewhere("sub/weight"), "linear.onnx", "'weight' lies in 'sub/weight': wanted"),
        (put_elsewhere("ABSOLUTE"), "linear.onnx", "'weight' lies in '/.*': wanted a file in the"),
        (set_entry("location", "..\\weight"), "linear.onnx", "'weight' lies in"),
        (set_entry("location", ".."), "linear.onnx", "'weight' lies in"),
        (set_entry("location", ""), "linear.onnx", "'weight' lies in ''"),
        (set_entry("offset", "-4"), "linear.onnx", "offset '-4' and length '48' are no sizes"),
        (set_entry("length", "x"), "linear.onnx", "length 'x' are no sizes"),
        (
            set_entry("offset", "9" * 5000),
            "linear.onnx",
            "offset '9{30}' and length '48' are",
        ),
        (set_entry("offset", "\u0664"), "linear.onnx", "are no sizes"),  # a digit, not of theirs
        (
            set_entry("offset", str(10**18)),
            "weight",
            "too short for linear.onnx: wanted 10{16}48",
        ),
        (set_entry("offset", "4"), "weight", "is too short for linear.onnx: wanted 52 bytes, f"),
        (shorten, "weight", "is too short for linear.onnx: wanted 48 bytes, found 47"),
        (remove, "weight", "no such file"),
        (pipe, "weight", "is a named pipe: wanted a regular file"),
        (link, "weight", "is a link"),
    ],
)
def test_weights_are_refused_where_they_are_not_what_the_model_says(
    path: Path, change: Change, subject: str, problem: str
) -> None:
    model = loaded(path)
    change(next(w for w in model.graph.initializer if w.name == "weight"), path.parent)
    with pytest.raises(ArtifactError, match=problem) as caught:
        external_files(model, path)
    assert caught.value.subject == str(path.parent / subject)


def outside(name: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.ones(3, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def in_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside("c")))


def in_subgraph(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [outside("c")])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch))


def in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=outside("c"))
    opset = helper.make_opsetid("", 18)
    model.functions.append(helper.make_function("theirs", "f", [], ["c"], [node], [opset]))


def in_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(outside("c"))


@pytest.mark.parametrize("hide", [in_constant, in_subgraph, in_function, in_sparse])
def test_weights_are_found_wherever_a_model_can_have_them(
    path: Path, hide: Callable[[onnx.ModelProto], None]
) -> None:
    model = loaded(path)
    hide(model)
    with pytest.raises(ArtifactError, match="'c' lies in '/etc/passwd'"):
        external_files(model, path)


def test_offset_beyond_the_end_is_an_error_where_no_length_is_told(path: Path) -> None:
    model = loaded(path)
    weight = next(w for w in model.graph.initializer if w.name == "weight")
    lies_at = next(entry.value for entry in weight.external_data if entry.key == "location")
    del weight.external_data[:]
    for key, value in (("location", lies_at), ("offset", "40")):
        weight.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UnfinishedError, match=r"linear\.onnx: ONNX Runtime cannot load it"):
        first_run(str(path), None, {}, {})
