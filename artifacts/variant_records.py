"""How a variant of reduced precision was made of the float32 graph; parts of export.json."""

from typing import Literal

from artifacts.choices import ActivationType, RangeMethod
from artifacts.json_records import Count, Magnitude, Positive, Record
from artifacts.training_records import Sha256


class CalibrationSet(Record):
    """The images that ranges were taken from: some that the network was trained on, never others.

    The sha256 is of their pixels, as uint8 images_NCHW in the order in which they were used.
    """

    split: Literal["train"] = "train"
    images: Positive
    sha256: Sha256
    seed: Count


class Float32Node(Record):
    """A node that stays in float32, since a value that it touches has no place in float16."""

    node: str
    op_type: str
    layer: str | None  # the module whose weights it has
    value: str  # the tensor that is too large: its own output, an input or a weight
    max_abs: Magnitude | None  # of that value over the calibration images; None: not finite
    limit: float  # that none may be above: half the largest finite number of the precision


class HalfPrecision(Record):
    """float16 or bfloat16: which nodes stay in float32, and why."""

    dtype: Literal["float16", "bfloat16"]
    calibration: CalibrationSet
    nodes: Count  # of the float32 graph
    float32_nodes: tuple[Float32Node, ...]


class Float32Layer(Record):
    """A layer that stays in float32: because it was asked for, or for what int8 does to it."""

    layer: str
    node: str
    reason: Literal["asked", "accuracy"]
    divergence: float | None  # of the softmax if it alone is int8, in nats; None: not measured
    correct: Count | None  # of the validation images, once it was put back; None: asked for


class ValidationAccuracy(Record):
    """What quantizing cost on the validation split, in examples that were right."""

    examples: Positive
    float32_correct: Count
    all_int8_correct: Count  # before any layer was put back
    correct: Count  # of the variant as it is
    max_accuracy_drop: Magnitude  # points that it was allowed to cost


class Ranges(Record):
    """How ranges were taken, and what the graph in INT8 then answers to validation images."""

    method: RangeMethod | Literal["each batch"]
    percentile: float | None = None  # of the values, that a range holds
    correct: Count
    divergence: float | None = None  # of the softmax from float32's, in nats; None: not compared


class Quantization(Record):
    """INT8: weights and activations, where the ranges came from, which layers stay in float32."""

    weights: Literal["int8"] = "int8"
    per_channel: bool
    activations: ActivationType
    ranges: Ranges
    tried_ranges: tuple[Ranges, ...] = ()  # beside those
    calibration: CalibrationSet | None  # None: the ranges are those of each batch
    pixels_are_quantized: bool  # the first layer reads the uint8 pixels as they are
    layers: Count  # that could be int8
    float32_layers: tuple[Float32Layer, ...]
    validation: ValidationAccuracy
