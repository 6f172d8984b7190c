from pathlib import Path

import numpy as np
import onnx

from artifacts.chain import exported_network
from artifacts.run_directory import RunDirectory
from evaluate.explanation import traced_name
from export.intermediates import intermediate_values


def test_values_have_the_names_of_the_files_nodes(finished_run: Path) -> None:
    exported = exported_network(RunDirectory(finished_run), "float32")
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    values = intermediate_values(exported)(images)
    graph = onnx.load(exported.onnx).graph
    names = {traced_name(node) for node in graph.node}
    assert {"sub_1", "linear", "relu", "linear_1"} & names <= set(values)
    assert len(names & set(values)) >= 4
    last = traced_name(graph.node[-1])
    assert last is not None
    assert values[last].shape == (3, 3)
