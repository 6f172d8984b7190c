from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from artifacts.evaluation_records import Explanation, GraphInput, GraphOutput
from artifacts.logits import Tolerance
from evaluate.departure import explained
from evaluate.explanation import explanation, module_path, relative_limit, traced_name, with_output
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions
from tests.evaluate.onnx_files import WEIGHT, images_of, linear, linear_nodes, write_model

TOLERANCE = Tolerance(name="test", atol=1e-4, rtol=1e-5)
Values = dict[str, NDArray[np.float64]]
FORM = GraphInput(
    name="images", dtype="uint8", layout="nchw", batch=None, scale=1.0, mean=(0.0,), std=(1.0,)
)
LOGITS = GraphOutput(name="logits", probabilities=False)


def chain(length: int) -> onnx.GraphProto:
    nodes = [
        helper.make_node("Relu", [f"v{number}"], [f"v{number + 1}"], name=f"relu{number + 1}")
        for number in range(length)
    ]
    return helper.make_graph(nodes, "chain", [], [])


def counted(values: Values, asked: list[str]) -> Callable[[str], NDArray[np.float64] | None]:
    def value_of(name: str) -> NDArray[np.float64] | None:
        asked.append(name)
        return values.get(name)

    return value_of


def explained_chain(graph: onnx.GraphProto, wrong: set[str], twins: list[str]) -> Explanation:
    wanted = {name: np.ones(3) for node in graph.node for name in node.output}
    found = {name: value + (name in wrong) for name, value in wanted.items()}
    asked: list[str] = []
    result = explanation(
        graph,
        counted(found, asked),
        counted({name: wanted[name] for name in twins}, []),
        comparable=twins,
        limit=1e-3,
        against="pytorch",
    )
    assert len(asked) == len(set(asked)) == result.compared
    return result


@pytest.mark.parametrize("first", [1, 2, 17, 63, 64])
def test_first_departing_node_of_a_chain_is_found_by_bisection(first: int) -> None:
    names = [f"v{number}" for number in range(1, 65)]
    found = explained_chain(chain(64), set(names[first - 1 :]), names)
    assert (found.node, found.op_type, found.output) == (f"relu{first}", "Relu", f"v{first}")
    assert (found.max_abs, found.allowed) == (1.0, 1e-3)
    assert found.compared <= 9
    assert found.not_compared == ()


def test_no_node_is_named_where_none_departs() -> None:
    names = [f"v{number}" for number in range(1, 9)]
    found = explained_chain(chain(8), set(), names)
    assert (found.node, found.op_type, found.output, found.compared) == (None, None, None, 1)


def test_nodes_without_a_counterpart_are_named_too() -> None:
    found = explained_chain(chain(6), {"v3", "v4", "v5", "v6"}, ["v1", "v2", "v5", "v6"])
    assert found.node == "relu5"
    assert found.not_compared == ("Relu relu4", "Relu relu3")


def test_way_goes_up_a_branch_to_the_node_whose_inputs_agree() -> None:
    """Two branches, one wrong: bisection over the order alone could end in the other."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="a"),
        helper.make_node("Relu", ["x"], ["b"], name="b"),
        helper.make_node("Relu", ["a"], ["c"], name="c"),
        helper.make_node("Relu", ["b"], ["d"], name="d"),
        helper.make_node("Add", ["c", "d"], ["e"], name="e"),
    ]
    graph = helper.make_graph(nodes, "branches", [], [])
    found = explained_chain(graph, {"a", "c", "e"}, ["a", "b", "c", "d", "e"])
    assert found.node == "a"


def test_value_that_is_no_number_departs() -> None:
    graph = chain(2)
    nan = {"v1": np.ones(3), "v2": np.array([1, np.nan, 1])}
    found = explanation(
        graph,
        nan.get,
        {"v1": np.ones(3), "v2": np.ones(3)}.get,
        comparable=["v1", "v2"],
        limit=1e-3,
        against="unoptimized-cpu",
    )
    assert (found.node, found.max_abs) == ("relu2", None)


def test_limit_is_the_tolerances_relative_to_the_largest_logit() -> None:
    assert relative_limit(TOLERANCE, np.array([-20.0, 3.0])) == pytest.approx(1e-5 + 1e-4 / 20)


def test_module_path_and_traced_name_are_those_of_the_exporters_metadata() -> None:
    node = helper.make_node("Conv", ["x"], ["y"], name="node_conv2d_1")
    assert (module_path(node), traced_name(node)) == (None, None)
    scopes = "['', 'network', 'network.c3', 'conv2d_1']"
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scopes)
    assert (module_path(node), traced_name(node)) == ("network.c3", "conv2d_1")
    del node.metadata_props[:]
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'sub']")
    assert (module_path(node), traced_name(node)) == (None, "sub")


@pytest.mark.parametrize("value", ["", "[" * 10_000, "7", "{}", "f()", "\0", "-" * 100_000 + "1"])
def test_scopes_that_are_no_list_are_no_scopes(value: str) -> None:
    node = NodeProto()
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=value)
    assert (module_path(node), traced_name(node)) == (None, None)


def write(path: Path, nodes: list[NodeProto], weight: NDArray[np.float32] = WEIGHT) -> Path:
    return write_model(path, nodes, weight=weight)


def test_intermediate_value_is_given_as_an_output(tmp_path: Path) -> None:
    model = onnx.load(write(tmp_path / "linear.onnx", linear_nodes()))
    images = images_of(3)
    product = OnnxRunner(with_output(model, "product")).run(images, "product")
    assert np.allclose(product, linear(images) - linear(np.zeros((1, 4), np.uint8)))
    assert with_output(model, "logits") == model.SerializeToString()


@pytest.mark.parametrize(("node", "twin"), [("product", "product"), ("add", "logits")])
def test_changed_node_is_found_against_pytorchs_values(
    tmp_path: Path, node: str, twin: str
) -> None:
    """The file has another weight, or another bias, than the values it is held against."""
    path = write(tmp_path / "linear.onnx", linear_nodes())
    model = onnx.load(path)
    changed = model.graph.initializer[0 if node == "product" else 1]
    values = numpy_helper.to_array(changed).copy()
    values.flat[0] *= 1.01
    changed.CopyFrom(numpy_helper.from_array(values, changed.name))
    for each in model.graph.node:
        each.metadata_props.add(
            key="pkg.torch.onnx.name_scopes", value=f"['', 'head', 'traced_{each.name}']"
        )
    onnx.save(model, path)
    images = images_of(6)

    def pytorch(batch: NDArray[np.uint8]) -> Values:
        flat = batch.reshape(-1, 4).astype(np.float32)
        return {"traced_product": flat @ WEIGHT, "traced_add": linear(batch)}

    found = explained(
        path,
        SessionOptions(),
        FORM,
        LOGITS,
        TOLERANCE,
        images=images,
        worst_index=5,
        pytorch_values=pytorch,
    )
    assert (found.node, found.output, found.module) == (node, twin, "head")
    assert found.against == "pytorch"


def test_graph_that_runs_as_it_is_written_departs_nowhere(tmp_path: Path) -> None:
    path = write(tmp_path / "linear.onnx", linear_nodes())
    found = explained(
        path,
        SessionOptions(),
        FORM,
        LOGITS,
        TOLERANCE,
        images=images_of(6),
        worst_index=2,
        pytorch_values=None,
    )
    assert (found.node, found.against) == (None, "unoptimized-cpu")
