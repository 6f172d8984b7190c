"""What export leaves on disk: a record for each variant of the network, and for the reference."""

from typing import Literal

from pydantic import Field

from artifacts.choices import Precision
from artifacts.environment import Environment
from artifacts.json_records import SCHEMA, Count, Magnitude, Positive, Record
from artifacts.training_records import Sha256
from artifacts.variant_records import HalfPrecision, Quantization


class TensorSpec(Record):
    """An input or output of the graph; a name stands for a dimension that is dynamic."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


class BatchCheck(Record):
    """The exported graph compared with PyTorch at one batch size, on images of the test split."""

    batch_size: Positive
    max_abs: Magnitude


class ExternalData(Record):
    """The file next to the ONNX file that holds its weights, where one file cannot hold both."""

    file: str
    sha256: Sha256
    bytes: Count


class Variant(Record):
    """One ONNX file and all that says what it is."""

    precision: Precision
    file: str
    onnx_sha256: Sha256
    file_bytes: Count
    external_data: ExternalData | None = None  # None: every weight is inside the file
    checkpoint_sha256: Sha256
    float32_sha256: Sha256 | None = None  # of the ONNX file that it was made of; None: of PyTorch
    half_precision: HalfPrecision | None = None
    quantization: Quantization | None = None
    opset: Count
    ir_version: Count
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    nodes: Count
    provider: str = "cpu"  # that the batch checks ran on
    tolerance: str  # the name of the one that they were held to
    batch_checks: tuple[BatchCheck, ...]
    environment: Environment
    command: str


class Reference(Record):
    """reference.npz: PyTorch's logits over the test split, in float32 and in float64."""

    file: str
    sha256: Sha256
    bytes: Count | None = None  # None: of an older record
    checkpoint_sha256: Sha256
    dataset_sha256: Sha256
    split: str
    split_sha256: Sha256
    examples: Positive
    device: str
    tf32: bool


class Export(Record):
    """export.json: a record for each variant, and the reference that they are proved against."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    reference: Reference
    variants: dict[str, Variant]
