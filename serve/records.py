"""What the server says, as JSON; /openapi.json is made of these."""

from typing import Literal

from pydantic import Field

from artifacts.choices import GraphPrecision
from artifacts.json_records import SCHEMA, Record
from artifacts.prediction_records import PredictingModel, Prediction


class AnsweredImage(Record):
    """The most probable classes of an image, in that order."""

    predictions: tuple[Prediction, ...]
    seen: str | None = Field(
        default=None, description="The pixels that the network was given: a PNG as a data: URI."
    )


class Answer(Record):
    """All images of a request, in their order."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    model: PredictingModel
    provider: str = Field(description="Every node of the network ran there.")
    images: tuple[AnsweredImage, ...]


class Health(Record):
    """Whether requests are taken, and what answers them."""

    status: Literal["ok", "stopping"]
    model: PredictingModel
    precision: GraphPrecision
    provider: str
    image_shape: tuple[int, int, int] = Field(description="Channels, height, width.")
    classes: tuple[str, ...]
    dataset: str | None = Field(description="What the network was trained on, if known.")


class Problem(Record):
    """What is wrong with a request, or with the server (RFC 9457)."""

    type: Literal["about:blank"] = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What was wanted and what was found.")
