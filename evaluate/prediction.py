"""Image files to the most probable classes, a batch at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from artifacts.logits import Images
from artifacts.prediction_records import FailedImage, PredictedImage
from data.images import converted_image, planes
from data.images_at_once import images_at_once
from errors import DatasetError
from evaluate.classifier import Classifier

NOT_FINITE = "the network's answer to it has values that are not finite"
BATCH_SIZE, LEAST_BATCH_SIZE = 32, 8  # of small images, and of large ones


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """An image to be predicted.

    Attributes:
        name: what the result calls it.
        content: its file, or a stream that can seek.
    """

    name: str
    content: Path | BinaryIO


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
    found = dict(zip(read, classifier.rankings(images[read]), strict=True)) if read else {}
    results: list[PredictedImage | FailedImage] = []
    for index, source in enumerate(sources):
        ranking = found.get(index)
        if ranking is not None:
            answer = ranking.predictions(classifier.classes, top)
            results.append(PredictedImage(file=source.name, predictions=answer))
        else:
            why = errors.get(index, NOT_FINITE)
            results.append(FailedImage(file=source.name, error=why))
    return results
