"""The images themselves, as they stand in the page."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation_records import ShownExample
from artifacts.logits import Images
from report.numbers import NOT_MEASURED, percent

MOST_PIXELS = 96  # of a side: a photo is made smaller, a digit is not changed


@dataclass(frozen=True, kw_only=True)
class Probability:
    """A class beside what both sides hold of it."""

    name: str
    is_label: bool
    onnx: str
    onnx_share: float
    reference: str
    reference_share: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """An image with its label and both sides' probabilities."""

    title: str
    description: str  # for who does not see it
    source: str | None  # a data URI; None where the images are not here
    probabilities: Sequence[Probability]
    has_reference: bool


def cards(
    examples: Sequence[ShownExample], images: Mapping[int, Images], classes: Sequence[str]
) -> list[Card]:
    """Return a card for each example.

    Args:
        examples: what an evaluation says of them.
        images: uint8 [C, H, W] by their index in the test split, those that are here.
        classes: names.
    """
    return [_card(example, images.get(example.index), classes) for example in examples]


def _card(example: ShownExample, image: Images | None, classes: Sequence[str]) -> Card:
    label = "without a label"
    if example.label is not None:
        label = f"label {_class_name(classes, example.label)}"
    title = f"#{example.index}, {label}"
    return Card(
        title=title,
        description=f"test image {title}",
        source=None if image is None else data_uri(image),
        probabilities=[
            Probability(
                name=_class_name(classes, index),
                is_label=index == example.label,
                onnx=_written(example.onnx[place]),
                onnx_share=example.onnx[place] or 0.0,
                reference=_written(example.reference[place]) if example.reference else NOT_MEASURED,
                reference_share=(example.reference[place] or 0.0) if example.reference else 0.0,
            )
            for place, index in enumerate(example.classes)
        ],
        has_reference=example.reference is not None,
    )


def _class_name(classes: Sequence[str], index: int) -> str:
    """Return a class' name; its number where nothing names it, as of images without labels."""
    return classes[index] if index < len(classes) else str(index)


def data_uri(image: NDArray[np.uint8]) -> str:
    """Return uint8 [C, H, W] as a PNG in a data: URI; of other than 3 channels the first alone."""
    from PIL import Image

    pixels = image.transpose(1, 2, 0) if image.shape[0] == 3 else image[0]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((MOST_PIXELS, MOST_PIXELS))
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _written(probability: float | None) -> str:
    return "not finite" if probability is None else percent(probability, 1)
