"""What an evaluation claims: evaluations/<variant>-<provider>.json, keys as in the contract."""

from typing import Literal

from pydantic import Field

from artifacts.choices import Precision
from artifacts.environment import Environment
from artifacts.json_records import SCHEMA, Record
from artifacts.training_records import Sha256


class EvaluatedModel(Record):
    """The file that was evaluated, and the checkpoint that it says it came from."""

    onnx_sha256: Sha256
    precision: Precision
    checkpoint_sha256: Sha256
    opset: int
    name: str
    parameters: int


class EvaluatedDataset(Record):
    """The examples that were evaluated: all of one split."""

    name: str
    split: str
    examples: int
    sha256: Sha256  # of the dataset, as in recipe.json
    split_sha256: Sha256


class ProviderProof(Record):
    """What was asked for, what the session got, and where ONNX Runtime put every node."""

    requested: str
    session: tuple[str, ...]
    nodes: dict[str, int]
    copies: int
    options: dict[str, str]


class ClassAccuracy(Record):
    """Counts of one class's examples."""

    label: str
    correct: int
    examples: int


class AccuracyRecord(Record):
    """Top-1 accuracy as counts, with the 95% Wilson interval, and how far confidence is from it."""

    top1: float
    correct: int
    examples: int
    ci95: tuple[float, float]
    per_class: tuple[ClassAccuracy, ...]
    confusion: tuple[tuple[int, ...], ...]  # [label][predicted]
    expected_calibration_error: float | None  # of 15 bins; None where logits are not finite


class Flip(Record):
    """An example that the two sides put into different classes."""

    index: int
    label: int
    reference: int
    onnx: int
    margin: float | None  # of the reference's logits; None where they are not finite


class Float64Errors(Record):
    """How far each float32 side is from PyTorch in float64: largest absolute logit difference."""

    pytorch_max_abs: float
    onnx_max_abs: float


class ParityRecord(Record):
    """ONNX logits against PyTorch's over every example; None where nonfinite values forbid it."""

    reference: str
    examples: int
    tolerance: str
    atol: float
    rtol: float
    max_abs: float | None
    max_rel: float | None
    mean_abs: float | None
    p99_abs: float | None
    min_cosine: float | None
    within_tolerance: bool
    elements_outside: int | None
    nonfinite: int
    constant_output: bool
    flips: int
    explained_flips: int
    unexplained_flips: int
    flipped: tuple[Flip, ...]
    float64: Float64Errors | None
    mcnemar_p: float
    pytorch_accuracy: AccuracyRecord


class Timing(Record):
    """Milliseconds a call, from samples of one side; a percentile is None where too few."""

    samples: int
    seconds: float
    p50_ms: float
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    mean_ms: float
    cv: float
    images_per_second: float
    first_run_ms: float
    stable: bool


class LatencyRecord(Timing):
    """ONNX Runtime's timing at one batch size, PyTorch's from the same run beside it."""

    batch_size: int
    boundary: Literal["host", "device"]
    outputs_verified: bool
    threads: int
    pytorch: Timing | None
    speedup: float | None  # PyTorch's median over ONNX Runtime's


class Evaluation(Record):
    """evaluations/<variant>-<provider>.json."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    verdict: Literal["pass", "fail"]
    failures: tuple[str, ...]
    model: EvaluatedModel
    dataset: EvaluatedDataset
    provider: ProviderProof
    accuracy: AccuracyRecord
    parity: ParityRecord
    latency: tuple[LatencyRecord, ...]
    load_ms: float
    reference_sha256: Sha256
    environment: Environment
    command: str
