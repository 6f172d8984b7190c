"""Values inside a network as PyTorch computes them, by the names that its ONNX file gives them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from artifacts.chain import ExportedNetwork
from artifacts.logits import Images, IntermediateValues
from export.graph import PROBABILITIES, traced_program
from models import build
from models.weights import load_weights


def intermediate_values(exported: ExportedNetwork) -> IntermediateValues:
    """Return what computes every intermediate value of the checkpoint for uint8 images_NCHW.

    The network is traced as `export` traced it, so that names are the same; then it is run in
    PyTorch, on the CPU, operation by operation.

    Raises:
        ArtifactError: the weights are damaged.
        UnfinishedError: the network cannot be traced.
    """
    trained, variant = exported.trained, exported.variant
    classifier = build(**trained.model.model_dump())
    load_weights(trained.run.weights, classifier)
    program = traced_program(
        classifier,
        trained.model,
        opset=variant.opset,
        probabilities=PROBABILITIES in {output.name for output in variant.outputs},
    )
    assert program.exported_program is not None
    module = program.exported_program.module()

    def values(images: Images) -> Mapping[str, NDArray[Any]]:
        recorder = _Recorder(module)
        with torch.inference_mode():
            recorder.run(torch.from_numpy(np.array(images)))
        return recorder.values

    return values


class _Recorder(fx.Interpreter):
    """Runs a traced module and keeps what every operation gave."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, NDArray[Any]] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one operation."""
        result = super().run_node(n)
        if n.op == "call_function" and isinstance(result, torch.Tensor):
            self.values[n.name] = result.numpy().copy()
        return result
