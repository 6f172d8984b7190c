"""Variants of a network side by side: which are dominated, and which one to take."""

from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.changes import Interval, lies_below
from artifacts.choices import GraphPrecision
from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord
from report.conditions import Conditions, conditions_of, why_incomparable


@dataclass(frozen=True, kw_only=True)
class Point:
    """One variant on one provider, at one batch size.

    Attributes:
        name: of the network.
        precision: of the variant.
        provider: that it was measured on.
        passed: its verdict.
        correct: examples of the test split that it got right; None where they have no labels.
        examples: of the test split.
        points_lost: of accuracy, beside the reference; None where that is not known.
        is_loss_chance: False where McNemar's test says that the loss is more.
        p50_ms: median latency from numpy to numpy.
        p50_ci95_ms: its interval; None from too few blocks.
        beside_float32: float32's median over this one's, from the same run; None where not timed.
        beside_float32_ci95: its interval.
        file_bytes: size of the ONNX file.
        weights: of which network it is: sha256 of the checkpoint, or of a stranger's ONNX file.
        split_sha256: of the examples; points of others are not held against each other.
        measured_on: on what; nor are those of other conditions.
    """

    name: str
    precision: GraphPrecision
    provider: str
    passed: bool
    correct: int | None
    examples: int
    points_lost: float | None
    is_loss_chance: bool
    p50_ms: float
    p50_ci95_ms: Interval | None
    beside_float32: float | None
    beside_float32_ci95: Interval | None
    file_bytes: int
    weights: str
    split_sha256: str
    measured_on: Conditions

    @property
    def label(self) -> str:
        """Variant and provider in a few words."""
        return f"{self.precision} on {self.provider}"

    @property
    def percent(self) -> float | None:
        """Top-1 accuracy."""
        return None if self.correct is None else 100 * self.correct / self.examples


def common_batch_sizes(evaluations: Sequence[Evaluation]) -> tuple[int, ...]:
    """Return the batch sizes that all of them timed, ascending."""
    sizes = [
        {timing.batch_size for timing in evaluation.latency if _counts(timing)}
        for evaluation in evaluations
    ]
    return tuple(sorted(set.intersection(*sizes))) if sizes else ()


def points_at(evaluations: Sequence[Evaluation], batch_size: int) -> tuple[Point, ...]:
    """Return a point for each evaluation that timed this batch size, from numpy to numpy.

    A timing whose outputs were not those of the untimed run is none.
    """
    return tuple(
        _point(evaluation, timing)
        for evaluation in evaluations
        for timing in evaluation.latency
        if timing.batch_size == batch_size and _counts(timing)
    )


def _counts(timing: LatencyRecord) -> bool:
    """Return whether it is from numpy to numpy, and of a computation that gave its outputs."""
    return timing.boundary == "host" and timing.outputs_verified


def dominating(point: Point, others: Sequence[Point]) -> Point | None:
    """Return a point that is at least as good in everything and better in something, if one is.

    Accuracy and size are counts, the same whenever they are measured; of two latencies one is
    better only where their intervals lie apart. Of other examples, or another machine, none is.
    """
    for other in others:
        if other is point or not are_comparable(other, point) or not _is_no_worse(other, point):
            continue
        if (
            is_faster(other, point)
            or _correct(other) > _correct(point)
            or other.file_bytes < point.file_bytes
        ):
            return other
    return None


def are_comparable(first: Point, second: Point) -> bool:
    """Return whether both are of the same examples, and timed under the same conditions."""
    is_same_split = first.split_sha256 == second.split_sha256
    return is_same_split and why_incomparable(first.measured_on, second.measured_on) is None


def is_faster(first: Point, second: Point) -> bool:
    """Return whether the first is faster than the second by more than their intervals.

    A variant and float32 on the same provider were timed in alternating blocks of one run, whose
    ratio decides; others are compared by the intervals of their medians, as two runs are.
    """
    if not are_comparable(first, second):
        return False
    if (first.provider, first.weights) == (second.provider, second.weights):
        if second.precision == "float32" and first.beside_float32_ci95 is not None:
            return first.beside_float32_ci95[0] > 1
        if first.precision == "float32" and second.beside_float32_ci95 is not None:
            return second.beside_float32_ci95[1] < 1
    return lies_below(
        first.p50_ci95_ms or (first.p50_ms, first.p50_ms),
        second.p50_ci95_ms or (second.p50_ms, second.p50_ms),
    )


def recommended(points: Sequence[Point]) -> Point | None:
    """Return the fastest variant whose verdict is pass; None where none passed.

    float32 is taken unless another one is faster by more than the intervals say is chance.
    """
    passed = [point for point in points if point.passed]
    if not passed:
        return None
    best = min(passed, key=lambda point: (point.precision != "float32", point.p50_ms))
    for point in sorted(passed, key=lambda point: point.p50_ms):
        if is_faster(point, best):
            return point
    return best


def points_lost(evaluation: Evaluation) -> float | None:
    """Return the points of accuracy lost beside the reference; None where that is not known."""
    accuracy, parity = evaluation.accuracy, evaluation.parity
    reference = parity.pytorch_accuracy if parity else None
    if accuracy is None or reference is None:
        return None
    return 100 * (reference.correct - accuracy.correct) / accuracy.examples


def _point(evaluation: Evaluation, timing: LatencyRecord) -> Point:
    accuracy, loss = evaluation.accuracy, evaluation.accuracy_loss
    return Point(
        name=evaluation.model.name,
        precision=evaluation.model.precision,
        provider=evaluation.provider.requested,
        passed=evaluation.verdict == "pass",
        correct=accuracy.correct if accuracy else None,
        examples=evaluation.dataset.examples,
        points_lost=points_lost(evaluation),
        is_loss_chance=not (loss and loss.more_than_chance),
        p50_ms=timing.p50_ms,
        p50_ci95_ms=timing.p50_ci95_ms,
        beside_float32=timing.float32_speedup,
        beside_float32_ci95=timing.float32_speedup_ci95,
        file_bytes=evaluation.model.file_bytes or 0,
        weights=evaluation.model.checkpoint_sha256 or evaluation.model.onnx_sha256,
        split_sha256=evaluation.dataset.split_sha256,
        measured_on=conditions_of(evaluation, timing),
    )


def _is_no_worse(first: Point, second: Point) -> bool:
    return (
        not is_faster(second, first)
        and _correct(first) >= _correct(second)
        and first.file_bytes <= second.file_bytes
    )


def _correct(point: Point) -> int:
    return -1 if point.correct is None else point.correct
