"""What the command hands over to be served, and the limits that requests are held to."""

from dataclasses import dataclass

from artifacts.choices import GraphPrecision
from artifacts.prediction_records import PredictingModel
from artifacts.ranking import RankingFunction

BODIES_IN_MEMORY = 16  # of the largest size: what all requests together may take


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A network on its provider, opened by a room that this one does not know.

    Attributes:
        model: what records say of it.
        precision: of its arithmetic.
        provider: short name.
        image_shape: C, H, W of the images that it takes; C is 1 or 3.
        classes: their names, by index.
        dataset: that it was trained on, if that is known.
        rankings: computes them of uint8 images_NCHW; called by one thread at a time.
    """

    model: PredictingModel
    precision: GraphPrecision
    provider: str
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    dataset: str | None
    rankings: RankingFunction

    @property
    def feels_company(self) -> bool:
        """Whether an image's answer depends on what is in its batch, so that it goes alone."""
        return self.precision == "int8-dynamic"  # whose ranges are those of each batch


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is taken at once, and how long it may take.

    Attributes:
        max_batch: most images that are computed together.
        queue_size: most images that wait, and most of one request.
        timeout_seconds: for a body to arrive, and then once more for its answer.
        max_body_bytes: of one request.
    """

    max_batch: int = 32
    queue_size: int = 256
    timeout_seconds: float = 10.0
    max_body_bytes: int = 16_000_000

    @property
    def max_bytes_of_all_bodies(self) -> int:
        """Of all requests that have not been decoded yet."""
        return BODIES_IN_MEMORY * self.max_body_bytes
