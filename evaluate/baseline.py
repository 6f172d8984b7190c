"""An earlier evaluation beside this one: what became worse, as far as the intervals say so."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from artifacts.accuracy_records import AccuracyRecord
from artifacts.changes import Interval, accuracy_change_interval, lies_below
from artifacts.environment import Environment
from artifacts.evaluation_records import (
    BaselineComparison,
    EvaluatedDataset,
    Evaluation,
    LatencyChange,
)
from artifacts.files import sha256_of_file
from artifacts.json_records import MOST_BYTES, read_record
from artifacts.latency_records import LatencyRecord
from errors import ArtifactError

Timed = Sequence[LatencyRecord]
MOST_MEASUREMENTS = 3


def read_baseline(path: Path, dataset: EvaluatedDataset) -> tuple[Evaluation, str]:
    """Return the earlier evaluation and the sha256 of its file.

    Raises:
        ArtifactError: the file is missing or no evaluation, or is one of other examples.
    """
    sha256 = sha256_of_file(path, most_bytes=MOST_BYTES)
    earlier = read_record(path, Evaluation)
    if earlier.dataset.split_sha256 != dataset.split_sha256:
        raise ArtifactError(
            str(path),
            f"is of other examples: {earlier.dataset.name}'s {earlier.dataset.split} split, sha256"
            f" {earlier.dataset.split_sha256[:12]}; here it is {dataset.split_sha256[:12]}",
        )
    return earlier, sha256


def compared_with_baseline(
    earlier: Evaluation,
    sha256: str,
    *,
    accuracy: AccuracyRecord | None,
    latency: Timed,
    environment: Environment,
    provider: str,
) -> BaselineComparison:
    """Return what became worse.

    Accuracy is worse where the 95% interval of its change lies below zero. Latency is compared by
    the ratio to PyTorch where both have it, since what slows the machine slows both sides; else by
    the median. It is worse where the two 95% intervals lie more than 5% apart, on the wrong side.

    Args:
        earlier: the evaluation to compare with.
        sha256: of its file.
        accuracy: of now; None where there are no labels.
        latency: of now.
        environment: of now; latencies of another machine are not compared.
        provider: of now, short name; the same.
    """
    change = _accuracy_change(accuracy, earlier.accuracy)
    not_compared = [] if change else ["accuracy: the images have no labels"]
    changes: list[LatencyChange] = []
    if other := _other_machine(earlier, environment, provider):
        if latency and earlier.latency:
            not_compared.append(f"latency: the baseline was measured {other}")
    else:
        for timing in latency:
            found = _latency_change(timing, earlier.latency)
            if isinstance(found, str):
                not_compared.append(found)
            else:
                changes.append(found)
    return BaselineComparison(
        sha256=sha256,
        accuracy_change_ci95=change,
        accuracy_worse=change is not None and change[1] < 0,
        latency=tuple(changes),
        measurements=1,
        not_compared=tuple(not_compared),
    )


def settled_comparison(
    latency: Timed,
    *,
    compare: Callable[[Timed], BaselineComparison],
    measure_again: Callable[[], Timed],
) -> tuple[Timed, BaselineComparison]:
    """Return latencies and what became worse, measured up to twice more where something did.

    What disturbs a machine goes away, what makes a network slower stays: only what is worse each
    time counts. The latencies are those of the measurement in which least was worse.
    """
    best = latency, compare(latency)
    for number in range(2, MOST_MEASUREMENTS + 1):
        if not _worse(best[1]):
            break
        again = measure_again()
        comparison = compare(again).model_copy(update={"measurements": number})
        fewest = best if _worse(best[1]) < _worse(comparison) else (again, comparison)
        best = fewest[0], fewest[1].model_copy(update={"measurements": number})
    return best


def _worse(comparison: BaselineComparison) -> int:
    return sum(change.worse for change in comparison.latency)


def _accuracy_change(now: AccuracyRecord | None, was: AccuracyRecord | None) -> Interval | None:
    if now is None or was is None:
        return None
    return accuracy_change_interval(now, was)


def _other_machine(earlier: Evaluation, environment: Environment, provider: str) -> str | None:
    was, now = earlier.environment, environment
    if (was.cpu, was.cpus) != (now.cpu, now.cpus):
        return f"on {was.cpus} CPUs of {was.cpu}, now there are {now.cpus} of {now.cpu}"
    if earlier.provider.requested != provider:
        return f"on {earlier.provider.requested}"
    return None


def _latency_change(timing: LatencyRecord, earlier: Timed) -> LatencyChange | str:
    key = (timing.batch_size, timing.boundary, timing.cuda_graph)
    where = f"latency at batch {timing.batch_size}"
    was = next((e for e in earlier if (e.batch_size, e.boundary, e.cuda_graph) == key), None)
    if was is None:
        return f"{where}: the baseline has none"
    if was.threads != timing.threads:
        return f"{where}: the baseline had {was.threads} threads, now there are {timing.threads}"
    if not (was.stable and timing.stable):
        return f"{where}: {'it' if was.stable else 'the baseline'} was not stable"
    if was.speedup_ci95 and timing.speedup_ci95 and was.speedup and timing.speedup:
        return LatencyChange(
            **_place(timing),
            of="speedup",
            baseline=was.speedup,
            now=timing.speedup,
            worse=lies_below(timing.speedup_ci95, was.speedup_ci95),
        )
    if was.p50_ci95_ms and timing.p50_ci95_ms:
        return LatencyChange(
            **_place(timing),
            of="p50_ms",
            baseline=was.p50_ms,
            now=timing.p50_ms,
            worse=lies_below(was.p50_ci95_ms, timing.p50_ci95_ms),
        )
    return f"{where}: too few samples for an interval"


def _place(timing: LatencyRecord) -> dict[str, Any]:
    return {"batch_size": timing.batch_size, "boundary": timing.boundary}
