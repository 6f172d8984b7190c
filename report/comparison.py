"""Evaluations side by side: a row for each, and where one is better or worse than the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from artifacts.changes import Interval
from artifacts.evaluation_records import Evaluation
from artifacts.json_records import SCHEMA, Record
from report.conditions import conditions_of, why_incomparable
from report.marks import (
    Judgement,
    Mark,
    accuracy_judgement,
    host_timing,
    is_of_one_network,
    latency_judgement,
)
from report.pareto import dominating, points_at, points_lost
from report.recommendation import Advice

MOST_NAMED = 3  # of those that a note is about


@dataclass(frozen=True, kw_only=True)
class NamedEvaluation:
    """An evaluation and what it is called in a table.

    Attributes:
        name: of this one alone: run, variant and provider.
        run: what the runs and files that were given are told apart by.
        file: that holds it.
        evaluation: the record.
    """

    name: str
    run: str
    file: str
    evaluation: Evaluation


class ComparedEvaluation(Record):
    """One row; the names of its fields are the headers of the CSV.

    None is what was not measured. A mark is beside the baseline; so is why there cannot be one.
    """

    name: str
    run: str
    file: str
    network: str
    dataset: str
    precision: str
    provider: str
    verdict: Literal["pass", "fail"]
    accuracy_percent: float | None
    accuracy_ci95_percent: Interval | None
    accuracy_mark: Mark | None
    accuracy_not_compared: str | None
    points_lost: float | None  # of accuracy, beside the reference: PyTorch, or another ONNX file
    loss_is_more_than_chance: bool | None  # by McNemar's exact test; None: was not asked
    flips: int | None
    largest_logit_difference: float | None
    batch_size: int | None
    p50_ms: float | None
    p50_ci95_ms: Interval | None
    p50_mark: Mark | None
    p50_not_compared: str | None
    images_per_second: float | None
    speed_by_float32: float | None  # float32's median over this one's, from one run
    speed_by_float32_ci95: Interval | None
    speed_by_pytorch: float | None
    speed_by_pytorch_ci95: Interval | None
    file_bytes: int | None
    parameters: int
    expected_calibration_error: float | None
    dominated_by: str | None  # the name of a variant of this network that is as good in everything
    cpu: str
    threads: int | None


class NetworkAdvice(Record):
    """Which variants of one network to take, and its plot."""

    run: str
    recommendations: tuple[Advice, ...]
    plot: str | None


class Comparison(Record):
    """What `compare` tells; its JSON."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    batch_size: int | None  # that times are of; None: none was timed by all
    baseline: str  # the name of a row
    rows: tuple[ComparedEvaluation, ...]
    notes: tuple[str, ...]
    networks: tuple[NetworkAdvice, ...] | None  # None: no advice was asked for


def compared_evaluations(
    evaluations: Sequence[NamedEvaluation], baseline: NamedEvaluation, batch_size: int | None
) -> tuple[ComparedEvaluation, ...]:
    """Return a row for each, in their order, with its marks beside the baseline."""
    dominated_by: dict[str, str] = {}
    for network in networks_of(evaluations):
        dominated_by |= _dominated_by(network, batch_size)
    return tuple(
        _row(each, baseline, batch_size, dominated_by.get(each.name)) for each in evaluations
    )


def networks_of(evaluations: Sequence[NamedEvaluation]) -> list[list[NamedEvaluation]]:
    """Return the evaluations grouped by network and machine.

    That is the same weights on the same examples, and timings that may be held together.
    """
    groups: list[list[NamedEvaluation]] = []
    for each in evaluations:
        for group in groups:
            if _belong_together(group[0].evaluation, each.evaluation):
                group.append(each)
                break
        else:
            groups.append([each])
    return groups


def _belong_together(first: Evaluation, second: Evaluation) -> bool:
    if not is_of_one_network(first, second):
        return False
    if not first.latency or not second.latency:
        return True
    here, there = (conditions_of(one, one.latency[0]) for one in (first, second))
    return why_incomparable(here, there) is None


def notes_of(rows: Sequence[ComparedEvaluation]) -> tuple[str, ...]:
    """Return what was not compared with the baseline, and why, a line for each reason."""
    notes = []
    for what in ("accuracy", "p50"):
        by_reason: dict[str, list[str]] = {}
        for row in rows:
            reason = getattr(row, f"{what}_not_compared")
            if reason is not None:
                by_reason.setdefault(reason, []).append(row.name)
        notes += [
            f"{what} is not compared: {reason}: {_listed(names)}"
            for reason, names in by_reason.items()
        ]
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _dominated_by(network: Sequence[NamedEvaluation], batch_size: int | None) -> dict[str, str]:
    """Return which variants are dominated, and by which one."""
    timed = [each for each in network if host_timing(each.evaluation, batch_size)]
    if batch_size is None:
        return {}
    found_points = [(each.name, points_at([each.evaluation], batch_size)) for each in timed]
    names = {id(found[0]): name for name, found in found_points if found}
    points = [found[0] for _, found in found_points if found]
    found = {names[id(point)]: dominating(point, points) for point in points}
    return {name: names[id(better)] for name, better in found.items() if better is not None}


def _row(
    named: NamedEvaluation,
    baseline: NamedEvaluation,
    batch_size: int | None,
    dominated_by: str | None,
) -> ComparedEvaluation:
    evaluation = named.evaluation
    accuracy, parity, loss = evaluation.accuracy, evaluation.parity, evaluation.accuracy_loss
    timing = host_timing(evaluation, batch_size)
    of_accuracy = of_latency = Judgement()
    if named is not baseline:
        of_accuracy = accuracy_judgement(evaluation, baseline.evaluation)
        of_latency = latency_judgement(evaluation, baseline.evaluation, batch_size)
    return ComparedEvaluation(
        name=named.name,
        run=named.run,
        file=named.file,
        network=evaluation.model.name,
        dataset=evaluation.dataset.name,
        precision=evaluation.model.precision,
        provider=evaluation.provider.requested,
        verdict=evaluation.verdict,
        accuracy_percent=100 * accuracy.correct / accuracy.examples if accuracy else None,
        accuracy_ci95_percent=(
            (100 * accuracy.ci95[0], 100 * accuracy.ci95[1]) if accuracy else None
        ),
        accuracy_mark=of_accuracy.mark,
        accuracy_not_compared=of_accuracy.not_compared,
        points_lost=points_lost(evaluation),
        loss_is_more_than_chance=loss.more_than_chance if loss else None,
        flips=parity.flips if parity else None,
        largest_logit_difference=parity.max_abs if parity else None,
        batch_size=timing.batch_size if timing else None,
        p50_ms=timing.p50_ms if timing else None,
        p50_ci95_ms=timing.p50_ci95_ms if timing else None,
        p50_mark=of_latency.mark,
        p50_not_compared=of_latency.not_compared,
        images_per_second=timing.images_per_second if timing else None,
        speed_by_float32=timing.float32_speedup if timing else None,
        speed_by_float32_ci95=timing.float32_speedup_ci95 if timing else None,
        speed_by_pytorch=timing.speedup if timing else None,
        speed_by_pytorch_ci95=timing.speedup_ci95 if timing else None,
        file_bytes=evaluation.model.file_bytes,
        parameters=evaluation.model.parameters,
        expected_calibration_error=accuracy.expected_calibration_error if accuracy else None,
        dominated_by=dominated_by,
        cpu=evaluation.environment.cpu,
        threads=timing.threads if timing else None,
    )
