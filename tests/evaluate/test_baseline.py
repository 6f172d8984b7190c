import json
from pathlib import Path

import pytest

from artifacts.environment import Environment
from artifacts.evaluation_records import BaselineComparison, EvaluatedDataset
from artifacts.json_records import document_of_record, write_record
from artifacts.latency_records import LatencyRecord
from errors import ArtifactError
from evaluate.baseline import compared_with_baseline, read_baseline, settled_comparison
from evaluate.gates import baseline_failures
from tests.evaluate.records import EVALUATION, LATENCY, accuracy_of

TIMED = LATENCY.model_copy(update={"p50_ms": 2.0, "p50_ci95_ms": (1.9, 2.1)})


def beside_pytorch(speedup: float, low: float, high: float, batch_size: int = 1) -> LatencyRecord:
    return TIMED.model_copy(
        update={"speedup": speedup, "speedup_ci95": (low, high), "batch_size": batch_size}
    )


def compared(
    *,
    correct: int = 990,
    earlier: tuple[LatencyRecord, ...] = (),
    now: tuple[LatencyRecord, ...] = (),
    environment: Environment = EVALUATION.environment,
    provider: str = "cuda",
) -> BaselineComparison:
    return compared_with_baseline(
        EVALUATION.model_copy(update={"latency": earlier}),
        "a" * 64,
        accuracy=accuracy_of(correct),
        latency=now,
        environment=environment,
        provider=provider,
    )


@pytest.mark.parametrize(
    ("correct", "worse"), [(990, False), (1000, False), (985, False), (975, True)]
)
def test_accuracy_is_worse_only_where_its_interval_says_so(correct: int, worse: bool) -> None:
    comparison = compared(correct=correct)
    assert comparison.accuracy_change_ci95 is not None
    low, high = comparison.accuracy_change_ci95
    assert low <= (correct - 990) / 1000 <= high
    assert comparison.accuracy_worse is worse
    failures = baseline_failures(comparison)
    assert len(failures) == worse
    assert not worse or failures[0].startswith("baseline: accuracy changed by -")


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        ((2.0, 1.9, 2.1), False),
        ((1.85, 1.75, 1.95), False),  # slower, but the intervals touch
        ((1.75, 1.7, 1.82), False),  # they do not, but lie less than 5% apart
        ((1.7, 1.6, 1.8), True),
        ((2.5, 2.4, 2.6), False),
    ],
)
def test_speed_beside_pytorch_is_worse_only_where_intervals_do_not_touch(
    now: tuple[float, float, float], worse: bool
) -> None:
    comparison = compared(earlier=(beside_pytorch(2.0, 1.9, 2.1),), now=(beside_pytorch(*now),))
    (change,) = comparison.latency
    assert (change.of, change.baseline, change.now, change.worse) == ("speedup", 2.0, now[0], worse)
    assert len(baseline_failures(comparison)) == worse


@pytest.mark.parametrize(
    ("speedups", "worse", "measurements"),
    [
        ([2.0], False, 1),
        ([1.0, 2.0], False, 2),
        ([1.0, 1.1, 2.0], False, 3),
        ([1.0, 1.1, 1.2], True, 3),
    ],
)
def test_worse_counts_only_where_it_stays_so(
    speedups: list[float], worse: bool, measurements: int
) -> None:
    waiting = [(beside_pytorch(each, each - 0.05, each + 0.05),) for each in speedups]
    latency, comparison = settled_comparison(
        waiting.pop(0),
        compare=lambda now: compared(earlier=(beside_pytorch(2.0, 1.9, 2.1),), now=tuple(now)),
        measure_again=lambda: waiting.pop(0),
    )
    assert waiting == []
    assert comparison.measurements == measurements
    assert comparison.latency[0].worse is worse
    assert [timing.speedup for timing in latency] == [comparison.latency[0].now]


def test_median_is_compared_where_pytorch_was_not_timed() -> None:
    slower = TIMED.model_copy(update={"p50_ms": 2.5, "p50_ci95_ms": (2.3, 2.8)})
    comparison = compared(earlier=(TIMED,), now=(slower,))
    assert [(change.of, change.worse) for change in comparison.latency] == [("p50_ms", True)]
    assert baseline_failures(comparison) == ["baseline: median at batch 1 is 2.500 ms, was 2.000"]
    assert baseline_failures(compared(earlier=(slower,), now=(TIMED,))) == []


@pytest.mark.parametrize(
    ("earlier", "now", "reason"),
    [
        (TIMED, {"batch_size": 32}, "batch 32: the baseline has none"),
        (TIMED, {"threads": 1}, "the baseline had 2 threads, now there are 1"),
        (TIMED, {"p50_ci95_ms": None}, "too few samples for an interval"),
        (TIMED, {"stable": False}, "it was not stable"),
    ],
)
def test_what_cannot_be_compared_is_told_and_does_not_fail(
    earlier: LatencyRecord, now: dict[str, object], reason: str
) -> None:
    comparison = compared(earlier=(earlier,), now=(TIMED.model_copy(update=now),))
    assert comparison.latency == ()
    (told,) = comparison.not_compared
    assert reason in told
    assert baseline_failures(comparison) == []


def test_latency_of_another_machine_or_provider_is_not_compared() -> None:
    other = EVALUATION.environment.model_copy(update={"cpu": "another"})
    timed = (beside_pytorch(9.0, 8.9, 9.1),)
    slow = (beside_pytorch(1.0, 0.9, 1.1),)
    for comparison in (
        compared(earlier=timed, now=slow, environment=other),
        compared(earlier=timed, now=slow, provider="cpu"),
    ):
        assert comparison.latency == ()
        assert comparison.not_compared[0].startswith("latency: the baseline was measured on")
    assert compared(environment=other).not_compared == ()


def test_baseline_is_read_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    sha256 = write_record(path, EVALUATION)
    assert read_baseline(path, EVALUATION.dataset) == (EVALUATION, sha256)


def test_baseline_of_other_examples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    write_record(path, EVALUATION)
    other: EvaluatedDataset = EVALUATION.dataset.model_copy(update={"split_sha256": "b" * 64})
    with pytest.raises(ArtifactError, match="is of other examples") as caught:
        read_baseline(path, other)
    assert caught.value.subject == str(path)


def test_damaged_baseline_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    with pytest.raises(ArtifactError, match="no such file"):
        read_baseline(path, EVALUATION.dataset)
    path.write_text(json.dumps({"schema": 1}))
    with pytest.raises(ArtifactError, match="not a valid Evaluation"):
        read_baseline(path, EVALUATION.dataset)


def test_baseline_that_json_printed_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(document_of_record(EVALUATION)))  # as `evaluate --json` does
    assert read_baseline(path, EVALUATION.dataset)[0] == EVALUATION
