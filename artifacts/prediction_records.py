"""What `predict` says of each image; its JSON is this record."""

from typing import Literal

from pydantic import Field

from artifacts.json_records import SCHEMA, Record
from artifacts.training_records import Sha256


class Prediction(Record):
    """A class and how probable the network holds it."""

    class_name: str = Field(alias="class")
    index: int
    probability: float


class PredictedImage(Record):
    """The most probable classes of an image, in that order."""

    file: str
    predictions: tuple[Prediction, ...]


class FailedImage(Record):
    """A file, or a folder, that gave no prediction, and why."""

    file: str
    error: str


class PredictingModel(Record):
    """The ONNX file that was asked."""

    onnx_sha256: Sha256
    name: str


class Predictions(Record):
    """All images, in the order in which they were named."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    model: PredictingModel
    provider: str  # short name; every node ran there
    images: tuple[PredictedImage | FailedImage, ...]
