"""A graph that says which images it takes, opened so that `predict` and `serve` can ask it."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from artifacts.chain import ExportedNetwork
from artifacts.choices import GraphPrecision
from artifacts.evaluation_records import GraphOutput
from artifacts.logits import Images, LogitsFunction
from artifacts.prediction_records import PredictingModel
from artifacts.ranking import Ranking, RankingFunction
from evaluate.foreign import require_same_files, require_tried, tried_file
from evaluate.graph_input import (
    InputOptions,
    graph_input,
    image_input,
    logits_function,
)
from evaluate.graph_output import graph_output
from evaluate.images_taken import images_taken
from evaluate.onnx_runtime import OnnxRunner
from evaluate.session_options import SessionOptions
from evaluate.softmax import probabilities_from_logits

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
        limit_runs: ends later runs after so many seconds.
    """

    model: PredictingModel
    precision: GraphPrecision
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    dataset: str | None
    rankings: RankingFunction
    limit_runs: Callable[[float], None]


def classifier_of_run(exported: ExportedNetwork, session: SessionOptions) -> Classifier:
    """Return a run's network on the provider that is asked for.

    Raises:
        ArtifactError: its graph is no ONNX model that is understood here.
        UnfinishedError: ONNX Runtime cannot load or run it; it crashed, took too long or too much.
        UnusableError: the provider does not work here.
        UsageError: the network takes neither grey nor RGB images.
    """
    options = InputOptions(layout="nchw")
    require_tried(exported, options, session)
    model = PredictingModel(
        onnx_sha256=exported.variant.onnx_sha256, name=exported.trained.model.name
    )
    return _classifier(
        exported.onnx,
        model,
        exported.variant.precision,
        options,
        session,
        frozenset(),
        asked_by="--run",
    )


def classifier_of_file(
    onnx: Path, input_options: InputOptions, session: SessionOptions
) -> Classifier:
    """Return any ONNX file on the provider that is asked for.

    Raises:
        ArtifactError: the file is missing, or is no ONNX model that is understood here.
        UnfinishedError: ONNX Runtime cannot load or run it; it crashed, took too long or too much.
        UnusableError: the provider does not work here.
        UsageError: it takes no images whose size and channels it names, or an option does not fit.
    """
    tried = tried_file(onnx, input_options, session)
    model = PredictingModel(onnx_sha256=tried.model.onnx_sha256, name=tried.model.name)
    classifier = _classifier(
        onnx.resolve(),  # where its weights are looked for
        model,
        tried.model.precision,
        input_options,
        session,
        tried.softmaxed,
        asked_by="--onnx",
    )
    require_same_files(onnx, tried.model)
    return classifier


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
    layout, image_shape = images_taken(image_input(runner.inputs), options.layout, asked_by)
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
        rankings=_ranking_function(logits, output),
        limit_runs=runner.limit_runs,
    )


def _ranking_function(logits: LogitsFunction, output: GraphOutput) -> RankingFunction:
    """Return what ranks the classes of uint8 images_NCHW; it raises what `logits` does."""

    def rankings(images: Images) -> list[Ranking | None]:
        logits_NK = logits(images)
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
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or len(names) != count:
        log.warning("the file's own list of classes is not one of %d names: not used", count)
        return numbers
    return tuple(str(name) for name in names)
