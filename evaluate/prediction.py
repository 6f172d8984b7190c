"""Images of files to classes and probabilities, through a graph that says which images it takes."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from artifacts.chain import ExportedNetwork
from artifacts.choices import Layout
from artifacts.evaluation_records import GraphOutput
from artifacts.export_records import TensorSpec
from artifacts.logits import Images, LogitsFunction
from artifacts.prediction_records import FailedImage, PredictedImage, PredictingModel, Prediction
from data.images import converted_image, planes
from data.images_at_once import images_at_once
from errors import ArtifactError, DatasetError, UsageError
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

BATCH_SIZE, LEAST_BATCH_SIZE = 32, 8  # of small images, and of large ones
IMAGE_CHANNELS = (1, 3)  # grey, RGB: what a file gives

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """An image to be predicted.

    Attributes:
        name: what the result calls it.
        content: its file, or a stream that can seek.
    """

    name: str
    content: Path | BinaryIO


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A graph on its provider, with all that says how to ask it.

    Attributes:
        model: what the record says of it.
        image_shape: C, H, W of the images that it takes; C is 1 or 3.
        output: which one has the answers.
        metadata: of the ONNX file.
        logits: computes them of uint8 images_NCHW.
    """

    model: PredictingModel
    image_shape: tuple[int, int, int]
    output: GraphOutput
    metadata: Mapping[str, str]
    logits: LogitsFunction


def classifier_of_run(exported: ExportedNetwork, session: SessionOptions) -> Classifier:
    """Return a run's network on the provider that is asked for.

    Raises:
        UnusableError: the provider does not work here.
        UsageError: the network takes neither grey nor RGB images.
    """
    model = PredictingModel(
        onnx_sha256=exported.variant.onnx_sha256, name=exported.trained.model.name
    )
    options = InputOptions(layout="nchw")
    return _classifier(exported.onnx, model, options, session, frozenset(), asked_by="--run")


def classifier_of_file(
    onnx: Path, input_options: InputOptions, session: SessionOptions
) -> Classifier:
    """Return any ONNX file on the provider that is asked for.

    Raises:
        ArtifactError: the file is missing, or is no ONNX model.
        UnfinishedError: ONNX Runtime cannot load it.
        UnusableError: the provider does not work here.
        UsageError: it takes no images whose size and channels it names, or an option does not fit.
    """
    described, softmaxed = described_file(onnx)
    model = PredictingModel(onnx_sha256=described.onnx_sha256, name=described.name)
    return _classifier(onnx, model, input_options, session, softmaxed, asked_by="--onnx")


def _classifier(
    onnx: Path,
    model: PredictingModel,
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
    return Classifier(
        model=model,
        image_shape=image_shape,
        output=output,
        metadata=runner.metadata,
        logits=logits_function(runner, form, output),
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


def predictions(
    classifier: Classifier, sources: Sequence[ImageSource], *, top: int
) -> Iterator[PredictedImage | FailedImage]:
    """Yield the `top` most probable classes of each image, or what is wrong with it, in order.

    Images are read and run a batch at a time, so that memory does not grow with their number.

    Raises:
        ArtifactError: the graph gives another number of answers than it was given images.
        UnfinishedError: ONNX Runtime could not run the graph.
    """
    size = images_at_once(BATCH_SIZE, classifier.image_shape[1:], least=LEAST_BATCH_SIZE)
    for start in range(0, len(sources), size):
        yield from _predicted_batch(classifier, sources[start : start + size], top)


def _predicted_batch(
    classifier: Classifier, sources: Sequence[ImageSource], top: int
) -> list[PredictedImage | FailedImage]:
    channels, *size = classifier.image_shape
    images: Images = np.empty((len(sources), *classifier.image_shape), dtype=np.uint8)
    errors: dict[int, str] = {}
    for index, source in enumerate(sources):
        try:
            image = converted_image(source.content, source.name)
            images[index] = planes(image, channels, (size[0], size[1]))
        except DatasetError as error:
            errors[index] = error.problem
    read = [index for index in range(len(sources)) if index not in errors]
    found = dict(zip(read, _answers(classifier, images[read], top), strict=True)) if read else {}
    results: list[PredictedImage | FailedImage] = []
    for index, source in enumerate(sources):
        answer = found.get(index, ())
        if answer:
            results.append(PredictedImage(file=source.name, predictions=answer))
        else:
            why = errors.get(index, "the network's answer to it has values that are not finite")
            results.append(FailedImage(file=source.name, error=why))
    return results


def _answers(classifier: Classifier, images: Images, top: int) -> list[tuple[Prediction, ...]]:
    """Return the `top` classes of each image; none where the graph gives NaN or infinity."""
    logits_NK = classifier.logits(images)
    if len(logits_NK) != len(images):
        raise ArtifactError(
            classifier.model.name, f"gives {len(logits_NK)} answers for {len(images)} images"
        )
    names = class_names(classifier.metadata, logits_NK.shape[1])
    probabilities_NK = probabilities_from_logits(
        logits_NK, softmaxed=classifier.output.probabilities
    )
    return [
        tuple(
            # By logit: two probabilities may both be 1. Of equal ones the first, as argmax has it.
            Prediction(class_name=names[index], index=index, probability=float(likely_K[index]))
            for index in np.argsort(-logits_K, kind="stable")[:top].tolist()
        )
        if np.isfinite(logits_K).all()
        else ()
        for logits_K, likely_K in zip(logits_NK, probabilities_NK, strict=True)
    ]


def class_names(metadata: Mapping[str, str], count: int) -> tuple[str, ...]:
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
