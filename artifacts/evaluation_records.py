"""What an evaluation claims: evaluations/<variant>-<provider>.json, keys as in the contract."""

from typing import Literal

from pydantic import Field, model_validator

from artifacts.accuracy_records import AccuracyRecord
from artifacts.choices import GraphPrecision, Layout, Scenario
from artifacts.environment import Environment
from artifacts.json_records import (
    SCHEMA,
    Count,
    Deviation,
    Duration,
    Magnitude,
    Positive,
    Record,
    Share,
)
from artifacts.latency_records import (
    Boundary,
    LatencyRecord,
    MachineState,
    OfflineRecord,
    ServerRecord,
)
from artifacts.limit_records import MachineLimit
from artifacts.parity_records import ParityRecord
from artifacts.training_records import Sha256


class EvaluatedModel(Record):
    """The file that was evaluated, and the checkpoint that it says it came from."""

    onnx_sha256: Sha256
    precision: GraphPrecision
    checkpoint_sha256: Sha256 | None  # None: a file that no run of ours made
    opset: Count
    name: str
    parameters: Count
    file_bytes: Count | None = None  # with external data; None: of an older evaluation
    external_data: dict[str, Sha256] = Field(default_factory=dict)  # files with weights, beside it


class GraphInput(Record):
    """How the pixels were given: (pixel * scale - mean) / std, in that dtype and layout."""

    name: str
    dtype: str
    layout: Layout
    batch: Positive | None  # where the graph fixes it
    scale: float
    mean: tuple[float, ...]  # a channel
    std: tuple[Deviation, ...]


class GraphOutput(Record):
    """Which output was taken for the logits, and whether a softmax has already made it."""

    name: str
    probabilities: bool


class EvaluatedDataset(Record):
    """The examples that were evaluated: all of one split."""

    name: str
    split: str
    examples: Positive
    labelled: bool = True  # else there is parity, and no accuracy
    sha256: Sha256  # of the dataset, as in recipe.json
    split_sha256: Sha256


PROVIDER_SUFFIX = "ExecutionProvider"  # of ONNX Runtime's full names: short ones are without it


class ProviderProof(Record):
    """What was asked for, what the session got, and where ONNX Runtime put every node."""

    requested: str
    session: tuple[str, ...]
    nodes: dict[str, Count]
    copies: Count
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

    @property
    def holds(self) -> bool:
        """Whether nodes run on the provider that was asked for: all of them, unless allowed."""
        elsewhere = self.nodes_elsewhere
        return elsewhere < sum(self.nodes.values()) and (not elsewhere or self.cpu_nodes_allowed)


class AccuracyLoss(Record):
    """What a reduced precision costs beside the reference, and whether chance explains it."""

    points: float  # of accuracy; below 0 where it gained
    only_reference: Count  # examples that only the reference got right
    only_onnx: Count
    mcnemar_p: Share
    more_than_chance: bool  # a loss, with p below 0.05
    allowed_points: float


class ShownExample(Record):
    """An example to look at, with what either side holds probable.

    `classes` are the label and the two most probable classes of each side, and the probabilities
    are theirs, in that order; None where one is not finite.
    """

    index: Count
    label: Count | None  # None: the example has none
    classes: tuple[Count, ...]
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

    examples: Count
    max_abs: Magnitude | None  # None where a value is not finite
    within_tolerance: bool


class Explanation(Record):
    """The first node whose output departs although its inputs do not."""

    against: Literal["pytorch", "unoptimized-cpu"]
    node: str | None  # None: no node departs
    op_type: str | None
    module: str | None  # path of the module that it came from, where the file tells
    output: str | None
    max_abs: Magnitude | None  # None where a value is not finite
    allowed: Magnitude | None
    compared: Count  # values that both sides have
    not_compared: tuple[str, ...]  # nodes between it and the last value that agrees


class LatencyChange(Record):
    """One batch size beside the baseline's."""

    batch_size: Positive
    boundary: Boundary
    of: Literal["p50_ms", "speedup"]
    baseline: Magnitude
    now: Magnitude
    worse: bool


class BaselineComparison(Record):
    """An earlier evaluation beside this one: worse only where the intervals say so."""

    sha256: Sha256
    accuracy_change_ci95: tuple[float, float] | None  # of top-1, now less then
    accuracy_worse: bool
    latency: tuple[LatencyChange, ...]
    measurements: Count  # of the latencies: again where one was worse, before it counts
    not_compared: tuple[str, ...]  # what, and why

    @property
    def holds(self) -> bool:
        """Whether nothing became worse."""
        return not (self.accuracy_worse or any(change.worse for change in self.latency))


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
    limit: MachineLimit | None = None  # None: no latency, not known, or of an older evaluation
    limit_missing: str | None = None  # why latencies do not have their share of it
    load_ms: Duration
    baseline: BaselineComparison | None
    reference_sha256: Sha256 | None  # of reference.npz, or of the ONNX file in its place
    reference_external_data: dict[str, Sha256] = Field(default_factory=dict)  # weights beside that
    machine: MachineState
    environment: Environment
    command: str

    @model_validator(mode="after")
    def _require_one_number_of_examples(self) -> "Evaluation":
        if self.dataset.labelled == (self.accuracy is None):
            raise ValueError("wanted an accuracy where there are labels, and only there")
        reference = self.parity.pytorch_accuracy if self.parity else None
        for name, part in (
            ("accuracy", self.accuracy),
            ("parity", self.parity),
            ("parity.pytorch_accuracy", reference),
        ):
            if part is not None and part.examples != self.dataset.examples:
                raise ValueError(
                    f"{name} is of {part.examples} examples, the dataset has"
                    f" {self.dataset.examples}"
                )
        return self

    @model_validator(mode="after")
    def _require_the_verdict_of_what_was_found(self) -> "Evaluation":
        if (self.verdict == "pass") != (not self.failures):
            raise ValueError(f"the verdict is {self.verdict}, beside {len(self.failures)} failures")
        against = [name for name, holds in self._what_holds().items() if not holds]
        if self.verdict == "pass" and against:
            raise ValueError(f"the verdict is pass, though not of {', '.join(against)}")
        return self

    def _what_holds(self) -> dict[str, bool]:
        """Return for each part whether it is as every evaluation that passes has it."""
        return {
            "provider": self.provider.holds,
            "parity": self.parity is None or self.parity.holds,
            "batch_independence": self.batch_independence is None
            or self.batch_independence.within_tolerance,
            "latency": all(timing.outputs_verified for timing in self.latency),
            "offline": self.offline is None or self.offline.outputs_verified,
            "server": self.server is None or self.server.holds,
            "baseline": self.baseline is None or self.baseline.holds,
        }
