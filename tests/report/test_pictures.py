import base64
import io

import numpy as np
import pytest
from PIL import Image

from artifacts.evaluation_records import ShownExample
from report.pictures import MOST_PIXELS, cards, data_uri

EXAMPLE = ShownExample(index=7, label=2, classes=(2, 0), onnx=(0.25, 0.7), reference=(0.3, None))


def picture_of(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


def test_card_tells_label_and_both_sides() -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    (card,) = cards([EXAMPLE], {7: image}, ["a", "b", "c"])
    assert card.title == "#7, label c"
    assert [(one.name, one.is_label, one.onnx, one.reference) for one in card.probabilities] == [
        ("c", True, "25.0%", "30.0%"),
        ("a", False, "70.0%", "not finite"),
    ]
    assert card.source is not None


def test_card_without_its_image_or_names_is_told_all_the_same() -> None:
    unlabelled = EXAMPLE.model_copy(update={"label": None, "reference": None})
    (card,) = cards([unlabelled], {}, [])
    assert card.title == "#7, without a label"
    assert [one.name for one in card.probabilities] == ["2", "0"]
    assert (card.source, card.has_reference) == (None, False)


@pytest.mark.parametrize("channels", [1, 3])
def test_small_picture_keeps_its_pixels(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (channels, 5, 6), dtype=np.uint8)
    shown = np.asarray(picture_of(data_uri(pixels)))
    assert np.array_equal(np.atleast_3d(shown).transpose(2, 0, 1), pixels)


def test_large_picture_is_made_smaller() -> None:
    picture = picture_of(data_uri(np.zeros((3, 400, 200), np.uint8)))
    assert picture.size == (MOST_PIXELS // 2, MOST_PIXELS)
