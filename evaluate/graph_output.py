"""What a graph gives: which output has the logits, and whether it gave one answer an image.

A graph that somebody else made may say one shape and give another, or another for each batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import GraphOutput
from artifacts.export_records import TensorSpec
from artifacts.logits import Logits
from errors import ArtifactError, UnfinishedError, UsageError

# Those that numpy has: of others (bfloat16, float8) ONNX Runtime gives the bits as whole numbers.
FLOATS = ("float16", "float32", "float64")
# What a graph gave, and for how many images, to float32 logits_NK.
LogitsReader = Callable[[NDArray[Any], int], Logits]


def graph_output(outputs: Sequence[TensorSpec], softmaxed: frozenset[str]) -> GraphOutput:
    """Return which output has the logits: one of that name, else the first that can be.

    Args:
        outputs: of the graph.
        softmaxed: names of those that a softmax has made.

    Raises:
        UsageError: there is none.
    """
    fitting = [
        spec
        for spec in outputs
        if spec.dtype in FLOATS
        and len(spec.shape) >= 2
        and all(length == 1 for length in spec.shape[2:])
    ]
    if not fitting:
        found = ", ".join(f"{spec.name} {spec.dtype} {list(spec.shape)}" for spec in outputs)
        raise UsageError("--onnx", f"wanted a float output [batch, classes], found {found}")
    chosen = next((spec for spec in fitting if spec.name == "logits"), fitting[0])
    return GraphOutput(name=chosen.name, probabilities=chosen.name in softmaxed)


def logits_reader(onnx: str) -> LogitsReader:
    """Return what makes logits of what a graph gave, in whatever shape, for a number of images.

    It raises:
        ArtifactError: there is another number of answers than of images.
        UnfinishedError: there are no classes, or not always as many.

    Args:
        onnx: the graph's file, for the error.
    """
    classes: int | None = None

    def read(values: NDArray[Any], images: int) -> Logits:
        nonlocal classes
        shape = values.shape
        if len(shape) < 2 or any(length != 1 for length in shape[2:]):
            found = f"gives an output of shape {list(shape)}: wanted [batch, classes]"
            raise UnfinishedError(onnx, found)
        if shape[0] != images:
            raise ArtifactError(onnx, f"gives {shape[0]} answers for {images} images")
        if shape[1] == 0:
            raise UnfinishedError(onnx, "gives 0 classes")
        if classes not in (None, shape[1]):
            raise UnfinishedError(
                onnx, f"gives {classes} classes for one batch and {shape[1]} for another"
            )
        classes = shape[1]
        if values.dtype == np.float32 and len(shape) == 2:
            return values
        return values.reshape(shape[:2]).astype(np.float32)

    return read
