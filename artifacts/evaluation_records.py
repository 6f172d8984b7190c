"""What an evaluation claims: evaluations/<variant>-<provider>.json, keys as in the contract."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from artifacts.choices import GraphPrecision, Layout, ReferenceSource, Scenario
from artifacts.environment import Environment
from artifacts.json_records import SCHEMA, Count, Record, Share
from artifacts.latency_records import (
    Boundary,
    LatencyRecord,
    MachineState,
    OfflineRecord,
    ServerRecord,
)
from artifacts.training_records import Sha256


class EvaluatedModel(Record):
    """The file that was evaluated, and the checkpoint that it says it came from."""

    onnx_sha256: Sha256
    precision: GraphPrecision
    checkpoint_sha256: Sha256 | None  # None: a file that no run of ours made
    opset: int
    name: str
    parameters: int
    file_bytes: int | None = None  # with external data; None: of an older evaluation
    external_data: dict[str, Sha256] = Field(default_factory=dict)  # files with weights, beside it


class GraphInput(Record):
    """How the pixels were given: (pixel * scale - mean) / std, in that dtype and layout."""

    name: str
    dtype: str
    layout: Layout
    batch: int | None  # where the graph fixes it
    scale: float
    mean: tuple[float, ...]  # a channel
    std: tuple[float, ...]


class GraphOutput(Record):
    """Which output was taken for the logits, and whether a softmax has already made it."""

    name: str
    probabilities: bool


class EvaluatedDataset(Record):
    """The examples that were evaluated: all of one split."""

    name: str
    split: str
    examples: int
    labelled: bool = True  # else there is parity, and no accuracy
    sha256: Sha256  # of the dataset, as in recipe.json
    split_sha256: Sha256


ROUNDING = 1e-3  # of an example, in a share that was printed and read again
PROVIDER_SUFFIX = "ExecutionProvider"  # of ONNX Runtime's full names: short ones are without it


class ProviderProof(Record):
    """What was asked for, what the session got, and where ONNX Runtime put every node."""

    requested: str
    session: tuple[str, ...]
    nodes: dict[str, int]
    copies: int
    options: dict[str, str]
    cpu_nodes_allowed: bool
    tf32: bool | None  # on both sides; None on a provider that has no such thing

    @property
    def nodes_elsewhere(self) -> int:
        """How many nodes did not run on the provider that was asked for."""
        return sum(
            number
            for name, number in self.nodes.items()
            if name.removesuffix(PROVIDER_SUFFIX).lower() != self.requested
        )


class ClassAccuracy(Record):
    """Counts of one class's examples."""

    label: str
    correct: Count
    examples: Count

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "ClassAccuracy":
        _require_no_more(self.correct, self.examples)
        return self


class AccuracyRecord(Record):
    """Top-1 accuracy as counts, with the 95% Wilson interval, and how far confidence is from it."""

    top1: Share
    correct: Count
    examples: Count
    ci95: tuple[float, float]
    per_class: tuple[ClassAccuracy, ...]
    confusion: tuple[tuple[int, ...], ...]  # [label][predicted]
    expected_calibration_error: float | None  # of 15 bins; None where logits are not finite
    constant_output: bool  # every image gets the same logits, up to rounding

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "AccuracyRecord":
        _require_no_more(self.correct, self.examples)
        if abs(self.top1 * self.examples - self.correct) > ROUNDING:
            raise ValueError("top1 is not correct / examples")
        return self


class Flip(Record):
    """An example that the two sides put into different classes."""

    index: int
    label: int | None  # None: the example has none
    reference: int
    onnx: int
    margin: float | None  # of the reference's logits; None where they are not finite


class Float64Errors(Record):
    """How far each float32 side is from PyTorch in float64: largest absolute logit difference."""

    pytorch_max_abs: float
    onnx_max_abs: float


class LiveAgreement(Record):
    """PyTorch's logits of now against the recorded ones, within the same tolerance."""

    max_abs: float | None  # None where a value is not finite
    within_tolerance: bool


class DifferenceBin(Record):
    """How many logit differences are below this one, and not below the bin before it."""

    below: float
    count: int


class ParityRecord(Record):
    """ONNX logits against the reference's over every example; None where values are not finite.

    The reference is PyTorch's or, with `onnx`, another ONNX file's.
    """

    reference: ReferenceSource
    examples: Count
    tolerance: str
    atol: float
    rtol: float
    outside_share: float = 0.0  # of the elements, that may be outside; of INT8 alone
    max_abs: float | None
    max_rel: float | None
    mean_abs: float | None
    p99_abs: float | None  # to 1/256 of itself, never below the exact one
    min_cosine: float | None
    within_tolerance: bool
    elements_outside: int | None
    # All differences by their size, in powers of two; None also of an older evaluation.
    difference_counts: tuple[DifferenceBin, ...] | None = None
    nonfinite: int
    constant_output: bool
    worst_index: int  # the example with the largest difference, or the first not finite
    flips: Count
    explained_flips: Count
    unexplained_flips: Count
    flipped: tuple[Flip, ...]  # the first 10,000
    float64: Float64Errors | None
    mcnemar_p: float | None  # as the next, None where the examples have no labels
    pytorch_accuracy: AccuracyRecord | None  # the reference's
    live: LiveAgreement | None

    @model_validator(mode="after")
    def _require_possible_counts(self) -> "ParityRecord":
        _require_no_more(self.flips, self.examples)
        if self.explained_flips + self.unexplained_flips != self.flips:
            raise ValueError("flips are not those explained and those unexplained")
        return self


class AccuracyLoss(Record):
    """What a reduced precision costs beside the reference, and whether chance explains it."""

    points: float  # of accuracy; below 0 where it gained
    only_reference: int  # examples that only the reference got right
    only_onnx: int
    mcnemar_p: float
    more_than_chance: bool  # a loss, with p below 0.05
    allowed_points: float


class ShownExample(Record):
    """An example to look at, with what either side holds probable.

    `classes` are the label and the two most probable classes of each side, and the probabilities
    are theirs, in that order; None where one is not finite.
    """

    index: int = Field(ge=0)
    label: int | None = Field(ge=0)  # None: the example has none
    classes: tuple[Annotated[int, Field(ge=0)], ...]
    onnx: tuple[float | None, ...]
    reference: tuple[float | None, ...] | None  # None: there is no reference

    @model_validator(mode="after")
    def _require_a_probability_each(self) -> "ShownExample":
        for side in (self.onnx, self.reference):
            if side is not None and len(side) != len(self.classes):
                raise ValueError("wanted as many probabilities as classes")
        return self


class ShownExamples(Record):
    """Examples that tell most: at most 24 of each kind, so that they can be looked at."""

    wrong: tuple[ShownExample, ...]  # those that ONNX Runtime is surest of first
    flipped: tuple[ShownExample, ...]  # the first ones of the split


class BatchIndependence(Record):
    """Examples run again in other company: the same image must give the same logits."""

    examples: int
    max_abs: float | None  # None where a value is not finite
    within_tolerance: bool


class Explanation(Record):
    """The first node whose output departs although its inputs do not."""

    against: Literal["pytorch", "unoptimized-cpu"]
    node: str | None  # None: no node departs
    op_type: str | None
    module: str | None  # path of the module that it came from, where the file tells
    output: str | None
    max_abs: float | None  # None where a value is not finite
    allowed: float | None
    compared: int  # values that both sides have
    not_compared: tuple[str, ...]  # nodes between it and the last value that agrees


class LatencyChange(Record):
    """One batch size beside the baseline's."""

    batch_size: int
    boundary: Boundary
    of: Literal["p50_ms", "speedup"]
    baseline: float
    now: float
    worse: bool


class BaselineComparison(Record):
    """An earlier evaluation beside this one: worse only where the intervals say so."""

    sha256: Sha256
    accuracy_change_ci95: tuple[float, float] | None  # of top-1, now less then
    accuracy_worse: bool
    latency: tuple[LatencyChange, ...]
    measurements: int  # of the latencies: again where one was worse, before it counts
    not_compared: tuple[str, ...]  # what, and why


class Evaluation(Record):
    """evaluations/<variant>-<provider>.json."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    verdict: Literal["pass", "fail"]
    failures: tuple[str, ...]
    model: EvaluatedModel
    dataset: EvaluatedDataset
    provider: ProviderProof
    input: GraphInput
    output: GraphOutput
    accuracy: AccuracyRecord | None  # None: the examples have no labels
    parity: ParityRecord | None  # None: there was nothing to compare with
    accuracy_loss: AccuracyLoss | None = None  # None: float32, no labels, or no reference
    shown: ShownExamples | None = None  # None: of an older evaluation
    batch_independence: BatchIndependence | None  # None: the graph takes one image at a time
    explanation: Explanation | None
    scenario: Scenario | None  # None: nothing was timed
    latency: tuple[LatencyRecord, ...]
    offline: OfflineRecord | None
    server: ServerRecord | None
    load_ms: float
    baseline: BaselineComparison | None
    reference_sha256: Sha256 | None  # of reference.npz, or of the ONNX file in its place
    reference_external_data: dict[str, Sha256] = Field(default_factory=dict)  # weights beside that
    machine: MachineState
    environment: Environment
    command: str


def _require_no_more(counted: int, examples: int) -> None:
    if counted > examples:
        raise ValueError(f"{counted} of {examples} examples")
