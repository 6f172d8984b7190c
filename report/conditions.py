"""On what a timing was made, and whether two may be held against each other."""

from dataclasses import dataclass

from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What decides a time beside the network.

    Attributes:
        cpu: its name.
        cpus: that could be used.
        gpu: its name; None where the provider uses none, which says nothing of the machine's.
        threads: of ONNX Runtime.
    """

    cpu: str
    cpus: int
    gpu: str | None
    threads: int


def conditions_of(evaluation: Evaluation, timing: LatencyRecord) -> Conditions:
    """Return on what and with what a timing of an evaluation was made."""
    environment, gpu = evaluation.environment, evaluation.machine.gpu
    return Conditions(
        cpu=environment.cpu,
        cpus=environment.cpus,
        gpu=gpu.name if gpu else None,
        threads=timing.threads,
    )


def why_incomparable(now: Conditions, was: Conditions) -> str | None:
    """Return what is another in `now`; None where the two times may be compared."""
    if (now.cpu, now.cpus) != (was.cpu, was.cpus):
        return f"another machine ({now.cpus} CPUs of {now.cpu})"
    if now.gpu and was.gpu and now.gpu != was.gpu:
        return f"another GPU ({now.gpu})"
    if now.threads != was.threads:
        return f"{now.threads} threads, the baseline had {was.threads}"
    return None
