"""A graph that says which images it takes, opened so that `predict` and `serve` can ask it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from artifacts.chain import ExportedNetwork
from artifacts.choices import GraphPrecision, Layout
from artifacts.evaluation_records import GraphOutput
from artifacts.export_records import TensorSpec
from artifacts.logits import Images, LogitsFunction
from artifacts.prediction_records import PredictingModel
from artifacts.ranking import Ranking, RankingFunction
from errors import ArtifactError, UsageError
from evaluate.graph_input import (
    InputOptions,
    graph_input,
    graph_output,
    image_input,
    logits_function,
)
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions
from evaluate.softmax import probabilities_from_logits
from evaluate.subject import described_file

IMAGE_CHANNELS = (1, 3)  # grey, RGB: what a file gives

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A graph on its provider, with all that says how to ask it.

    Attributes:
        model: what the record says of it.
        precision: of its arithmetic.
        image_shape: C, H, W of the images that it takes; C is 1 or 3.
        classes: their names, by index.
        dataset: that it was trained on, where the file says it.
        rankings: computes them of uint8 images_NCHW.
    """

    model: PredictingModel
    precision: GraphPrecision
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    dataset: str | None
    rankings: RankingFunction


def classifier_of_run(exported: ExportedNetwork, session: SessionOptions) -> Classifier:
    """Return a run's network on the provider that is asked for.

    Raises:
        UnusableError: the provider does not work here.
        UsageError: the network takes neither grey nor RGB images.
    """
    model = PredictingModel(
        onnx_sha256=exported.variant.onnx_sha256, name=exported.trained.model.name
    )
    return _classifier(
        exported.onnx,
        model,
        exported.variant.precision,
        InputOptions(layout="nchw"),
        session,
        frozenset(),
        asked_by="--run",
    )


def classifier_of_file(
    onnx: Path, input_options: InputOptions, session: SessionOptions
) -> Classifier:
    """Return any ONNX file on the provider that is asked for.

    Raises:
        ArtifactError: the file is missing, or is no ONNX model.
        UnfinishedError: ONNX Runtime cannot load or run it.
        UnusableError: the provider does not work here.
        UsageError: it takes no images whose size and channels it names, or an option does not fit.
    """
    described, softmaxed = described_file(onnx)
    model = PredictingModel(onnx_sha256=described.onnx_sha256, name=described.name)
    return _classifier(
        onnx, model, described.precision, input_options, session, softmaxed, asked_by="--onnx"
    )


def _classifier(
    onnx: Path,
    model: PredictingModel,
    precision: GraphPrecision,
    options: InputOptions,
    session: SessionOptions,
    softmaxed: frozenset[str],
    *,
    asked_by: str,
) -> Classifier:
    runner = OnnxRunner(onnx, session)
    layout, image_shape = _images_taken(image_input(runner.inputs), options.layout, asked_by)
    form = graph_input(runner.inputs, image_shape, replace(options, layout=layout))
    output = graph_output(runner.outputs, softmaxed)
    logits = logits_function(runner, form, output)
    # How many classes there are is not always written in the graph.
    (count,) = logits(np.zeros((1, *image_shape), dtype=np.uint8)).shape[1:]
    return Classifier(
        model=model,
        precision=precision,
        image_shape=image_shape,
        classes=_class_names(runner.metadata, count),
        dataset=runner.metadata.get("dataset"),
        rankings=_ranking_function(logits, output, model.name),
    )


def _images_taken(
    images: TensorSpec, asked: Layout | None, asked_by: str
) -> tuple[Layout, tuple[int, int, int]]:
    """Return the layout, and C, H, W, of the images that an input takes."""
    _, first, second, third = images.shape
    shapes: dict[Layout, tuple[int | str, int | str, int | str]] = {
        "nchw": (first, second, third),
        "nhwc": (third, first, second),
    }
    taken = f"the graph's input {images.name!r} takes {list(images.shape)}"
    fitting = [
        layout
        for layout, shape in shapes.items()
        if shape[0] in IMAGE_CHANNELS and asked in (None, layout)
    ]
    if not fitting:
        where = f" as {asked}" if asked else ""
        raise UsageError(asked_by, f"{taken}{where}: wanted images of 1 channel (grey) or 3 (RGB)")
    if len(fitting) > 1:
        raise UsageError("--layout", f"{taken}, which does not tell: say nchw or nhwc")
    sides = dict(zip(("channels", "height", "width"), shapes[fitting[0]], strict=True))
    fixed = [length for length in sides.values() if isinstance(length, int)]
    if len(fixed) < len(sides):
        dynamic = " and ".join(f"{n} ({v})" for n, v in sides.items() if isinstance(v, str))
        shape = ",".join(str(v) if isinstance(v, int) else "N" for v in (1, *images.shape[1:]))
        raise UsageError(
            asked_by,
            f"{taken}: {dynamic} not fixed, but an image has to be resized to something",
            hint="fix it with: python -m onnxruntime.tools.make_dynamic_shape_fixed"
            f" --input_name {images.name} --input_shape {shape} MODEL FIXED",
        )
    channels, height, width = fixed
    return fitting[0], (channels, height, width)


def _ranking_function(logits: LogitsFunction, output: GraphOutput, name: str) -> RankingFunction:
    """Return what ranks the classes of uint8 images_NCHW.

    It raises:
        ArtifactError: the graph gives another number of answers than it was given images.
        UnfinishedError: ONNX Runtime could not run the graph.
    """

    def rankings(images: Images) -> list[Ranking | None]:
        logits_NK = logits(images)
        if len(logits_NK) != len(images):
            raise ArtifactError(name, f"gives {len(logits_NK)} answers for {len(images)} images")
        orders_NK = np.argsort(-logits_NK, axis=1, kind="stable")
        are_finite_N = np.asarray(np.isfinite(logits_NK).all(axis=1)).tolist()
        rows = zip(
            orders_NK,
            probabilities_from_logits(logits_NK, softmaxed=output.probabilities),
            are_finite_N,
            strict=True,
        )
        return [
            Ranking(order_K=order_K, probabilities_K=likely_K) if is_finite else None
            for order_K, likely_K, is_finite in rows
        ]

    return rankings


def _class_names(metadata: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Return what the file's metadata calls its classes, or numbers where it says nothing."""
    numbers = tuple(str(index) for index in range(count))
    if "classes" not in metadata:
        return numbers
    try:
        names = json.loads(metadata["classes"])
    except ValueError:
        names = None
    if not isinstance(names, list) or len(names) != count:
        log.warning("the file's own list of classes is not one of %d names: not used", count)
        return numbers
    return tuple(str(name) for name in names)
