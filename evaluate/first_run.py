"""What the child process does with an ONNX file that may be a stranger's: read, check, run.

Nothing of this is done in the process that evaluates until the child has come to its end.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from artifacts.logits import Images
from evaluate.described import described_model, softmaxed_names
from evaluate.foreign import MOST_MODEL_BYTES
from evaluate.graph_input import (
    InputOptions,
    graph_input,
    image_input,
    logits_function,
)
from evaluate.graph_output import graph_output
from evaluate.images_taken import images_taken
from evaluate.onnx_rules import parsed_model, require_valid
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions
from untrusted.files import content_of_file
from untrusted.npy import mapped_array

EXTREME_PIXELS = (0, 255)


def first_run(
    onnx: str,
    images: str | None,
    options: Mapping[str, Any],
    session: Mapping[str, Any],
    asked_by: str = "--onnx",
) -> dict[str, object]:
    """Return what the file says of its model, which has been checked and has run.

    Args:
        onnx: path of the file.
        images: path of an array with uint8 images_NCHW; None: those that the graph itself asks for.
        options: of its input, the fields of InputOptions.
        session: the fields of SessionOptions.
        asked_by: the option that named the file.

    Raises:
        ArtifactError: the file is no ONNX model that is understood here.
        UnfinishedError: ONNX Runtime cannot load or run it.
        UnusableError: the provider does not work here.
        UsageError: it takes no such images, or an option does not fit.
    """
    path = Path(onnx)
    content = content_of_file(path, most_bytes=MOST_MODEL_BYTES)
    model = parsed_model(content, path)
    there = path.resolve()  # where ONNX Runtime looks for its weights
    described = described_model(model, content, there)
    require_valid(model, path)
    softmaxed = softmaxed_names(model)
    del model, content
    runner = OnnxRunner(there, SessionOptions(**session))
    # JSON has no tuples.
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    batch = None if images is None else mapped_array(Path(images))
    _run(runner, frozenset(softmaxed), batch, InputOptions(**given), asked_by)
    return {"model": described.model_dump(mode="json"), "softmaxed": softmaxed}


def _run(
    runner: OnnxRunner,
    softmaxed: frozenset[str],
    images: Images | None,
    options: InputOptions,
    asked_by: str,
) -> None:
    """Give the graph the images, and two of the least and the greatest pixels there are."""
    if images is None:
        layout, shape = images_taken(image_input(runner.inputs), options.layout, asked_by)
        options = replace(options, layout=layout)
    else:
        shape = images.shape[1:]
    form = graph_input(runner.inputs, shape, options)
    logits = logits_function(runner, form, graph_output(runner.outputs, softmaxed))
    extreme = np.stack([np.full(shape, pixel, dtype=np.uint8) for pixel in EXTREME_PIXELS])
    for batch in (extreme,) if images is None else (images, extreme):
        logits(batch)
