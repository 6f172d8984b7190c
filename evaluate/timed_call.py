"""What the clock is put around: one call of one side, and how to see that it computed."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import GraphInput, GraphOutput
from artifacts.logits import Images, Logits, LogitsFunction
from evaluate.graph_input import preparation
from evaluate.graph_output import logits_reader
from evaluate.onnx_runtime import OnnxRunner


@dataclass(frozen=True, kw_only=True)
class TimedCall:
    """One side's way to run one batch.

    Attributes:
        call: runs it; what lies between two readings of the clock.
        logits: makes logits_NK of what `call` returned, outside of the clock.
        forget: where every run leaves its logits in the same place, overwrites that place; None
            where each call returns logits of its own.
    """

    call: Callable[[], Any]
    logits: Callable[[Any], Logits]
    forget: Callable[[], None] | None = None


def host_call(function: LogitsFunction, images: Images) -> TimedCall:
    """Return the call from numpy images to numpy logits."""
    return TimedCall(call=functools.partial(function, images), logits=lambda logits: logits)


def onnx_host_call(
    runner: OnnxRunner, form: GraphInput, output: GraphOutput, images: Images
) -> TimedCall:
    """Return the call from the graph's input to its output, both numpy arrays.

    What prepares the input of a graph without preprocessing is no part of the graph, and is done
    before.
    """
    values: NDArray[Any] = preparation(form)(images)
    read = logits_reader(runner.name)
    return TimedCall(
        call=functools.partial(runner.run, values, output.name),
        logits=lambda given: read(given, len(images)),
    )


def onnx_device_call(
    runner: OnnxRunner, form: GraphInput, output: GraphOutput, images: Images, classes: int
) -> TimedCall:
    """Return the call whose input and output lie on the provider's device.

    The number of classes is given, since a session that captures CUDA graphs must not be run with
    inputs that lie elsewhere.
    """
    values: NDArray[Any] = preparation(form)(images)
    bound = runner.bound(np.ascontiguousarray(values), output.name, classes)
    return TimedCall(call=bound, logits=lambda _: bound.logits(), forget=bound.forget)
