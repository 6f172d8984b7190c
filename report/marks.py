"""Whether an evaluation is better or worse than another one: only where it is not chance."""

from dataclasses import dataclass
from typing import Literal

from artifacts.changes import Interval, accuracy_change_interval, lies_below
from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord
from report.conditions import conditions_of, why_incomparable

Mark = Literal["better", "worse"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A mark, or why the two cannot be compared; neither where the difference may be chance."""

    mark: Mark | None = None
    not_compared: str | None = None


def accuracy_judgement(evaluation: Evaluation, baseline: Evaluation) -> Judgement:
    """Return how an accuracy stands beside the baseline's, by the 95% interval of its change."""
    data = evaluation.dataset
    if data.split_sha256 != baseline.dataset.split_sha256:
        return Judgement(not_compared=f"other examples ({data.name}, {data.split})")
    if evaluation.accuracy is None or baseline.accuracy is None:
        return Judgement(not_compared="no labels")
    low, high = accuracy_change_interval(evaluation.accuracy, baseline.accuracy)
    return _judged(better=low > 0, worse=high < 0)


def latency_judgement(
    evaluation: Evaluation, baseline: Evaluation, batch_size: int | None
) -> Judgement:
    """Return how a median stands beside the baseline's, if one machine measured both.

    A variant and its float32 on one provider were timed in alternating blocks of one run: the
    interval of their ratio decides. Others must be stable, and lie further apart than two runs of
    the same file do.
    """
    now, was = host_timing(evaluation, batch_size), host_timing(baseline, batch_size)
    if now is None or was is None:
        return Judgement()  # the table says already that one was not timed
    here, there = conditions_of(evaluation, now), conditions_of(baseline, was)
    if other := why_incomparable(here, there):
        return Judgement(not_compared=other)
    if not (now.outputs_verified and was.outputs_verified):
        whose = "the baseline's" if now.outputs_verified else "its"
        return Judgement(not_compared=f"{whose} timed outputs are not the untimed ones")
    if _share_a_run(evaluation, now, baseline, was):
        ratio = now.float32_speedup_ci95 or _inverse(was.float32_speedup_ci95)
        if ratio is None:
            return Judgement(not_compared="too few samples for an interval")
        return _judged(better=ratio[0] > 1, worse=ratio[1] < 1)
    if not (now.stable and was.stable):
        return Judgement(not_compared="not stable" if was.stable else "the baseline is not stable")
    if now.p50_ci95_ms is None or was.p50_ci95_ms is None:
        return Judgement(not_compared="too few samples for an interval")
    return _judged(
        better=lies_below(now.p50_ci95_ms, was.p50_ci95_ms),
        worse=lies_below(was.p50_ci95_ms, now.p50_ci95_ms),
    )


def host_timing(evaluation: Evaluation, batch_size: int | None) -> LatencyRecord | None:
    """Return the timing of a batch size from numpy to numpy, if there is one."""
    for timing in evaluation.latency:
        if timing.batch_size == batch_size and timing.boundary == "host":
            return timing
    return None


def is_of_one_network(first: Evaluation, second: Evaluation) -> bool:
    """Return whether both are of the same trained weights, on the same examples."""
    if first.dataset.split_sha256 != second.dataset.split_sha256:
        return False
    if first.model.checkpoint_sha256 is None:  # a file that no run of ours made
        return first.model.onnx_sha256 == second.model.onnx_sha256
    return first.model.checkpoint_sha256 == second.model.checkpoint_sha256


def _judged(*, better: bool, worse: bool) -> Judgement:
    if better:
        return Judgement(mark="better")
    return Judgement(mark="worse" if worse else None)


def _share_a_run(
    first: Evaluation, timed: LatencyRecord, second: Evaluation, beside: LatencyRecord
) -> bool:
    """Return whether one is float32, and was timed in the other's run too."""
    reduced = [timing for timing in (timed, beside) if timing.float32_speedup is not None]
    return (
        len(reduced) == 1
        and "float32" in (first.model.precision, second.model.precision)
        and first.provider.requested == second.provider.requested
        and is_of_one_network(first, second)
    )


def _inverse(interval: Interval | None) -> Interval | None:
    return (1 / interval[1], 1 / interval[0]) if interval else None
