"""A network for tests: grey images of 2x3 pixels, classes by how bright they are."""

import numpy as np

from artifacts.choices import GraphPrecision
from artifacts.logits import Images
from artifacts.prediction_records import PredictingModel
from artifacts.ranking import Ranking, RankingFunction
from serve.model import ServedModel

SHAPE = (1, 2, 3)
CLASSES = ("dark", "grey", "bright")
NOT_FINITE = 13  # an image of this mean brightness gets no finite answer


def brightness_rankings(images: Images) -> list[Ranking | None]:
    """Rank classes by how near an image's mean is to 0, 128 and 255."""
    rankings: list[Ranking | None] = []
    for image in images:
        mean = float(image.mean())
        likely = np.exp(-np.abs(np.array([0, 128, 255]) - mean) / 64)
        ranking = Ranking(order_K=np.argsort(-likely), probabilities_K=likely / likely.sum())
        rankings.append(None if mean == NOT_FINITE else ranking)
    return rankings


def stub_model(
    rankings: RankingFunction = brightness_rankings,
    *,
    precision: GraphPrecision = "float32",
    shape: tuple[int, int, int] = SHAPE,
) -> ServedModel:
    return ServedModel(
        model=PredictingModel(onnx_sha256="0" * 64, name="stub"),
        precision=precision,
        provider="cpu",
        image_shape=shape,
        classes=CLASSES,
        dataset=None,
        rankings=rankings,
    )


def flat_images(*values: int) -> Images:
    """Return images that have one value each."""
    return np.stack([np.full(SHAPE, value, dtype=np.uint8) for value in values])
