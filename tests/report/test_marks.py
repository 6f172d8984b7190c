import math
from typing import Any

import pytest

from artifacts.evaluation_records import Evaluation
from report.marks import Mark, accuracy_judgement, latency_judgement
from tests.evaluate.records import EVALUATION
from tests.report.evaluations import evaluation_of, int8_of, timed

BASELINE = evaluation_of()


def newcombe_by_hand(now: int, was: int, n: int) -> tuple[float, float]:
    """Newcombe's interval, of Wilson's bounds as the roots of a quadratic equation."""
    z = 1.959963984540054

    def roots(count: int) -> tuple[float, float]:
        a, b, c = n + z * z, -(2 * count + z * z), count * count / n
        root = math.sqrt(b * b - 4 * a * c)
        return (-b - root) / (2 * a), (-b + root) / (2 * a)

    (low, high), (low_was, high_was) = roots(now), roots(was)
    change = (now - was) / n
    return (
        change - math.sqrt((now / n - low) ** 2 + (high_was - was / n) ** 2),
        change + math.sqrt((high - now / n) ** 2 + (was / n - low_was) ** 2),
    )


@pytest.mark.parametrize("correct", [960, 975, 979, 980, 985, 990, 995, 996, 998, 1000])
def test_accuracy_is_marked_where_the_interval_excludes_zero(correct: int) -> None:
    low, high = newcombe_by_hand(correct, 990, 1000)
    wanted = "better" if low > 0 else "worse" if high < 0 else None
    found = accuracy_judgement(evaluation_of(correct), BASELINE)
    assert (found.mark, found.not_compared) == (wanted, None)


def test_accuracy_has_every_mark() -> None:
    marks = {accuracy_judgement(evaluation_of(n), BASELINE).mark for n in (960, 990, 1000)}
    assert marks == {"worse", None, "better"}


def test_accuracies_on_other_examples_are_not_compared() -> None:
    other = evaluation_of(100, dataset={"name": "svhn", "split_sha256": "9" * 64})
    found = accuracy_judgement(other, BASELINE)
    assert found.mark is None
    assert found.not_compared == "other examples (svhn, test)"


def test_accuracy_without_labels_is_not_compared() -> None:
    unlabelled = BASELINE.model_copy(update={"accuracy": None})
    assert accuracy_judgement(unlabelled, BASELINE).not_compared == "no labels"
    assert accuracy_judgement(BASELINE, unlabelled).not_compared == "no labels"


@pytest.mark.parametrize(
    ("median", "mark"),
    [(1.0, "better"), (1.86, "better"), (1.9, None), (2.0, None), (2.1, None), (2.2, "worse")],
)
def test_median_is_marked_where_intervals_lie_apart_by_more_than_two_runs_do(
    median: float, mark: Mark | None
) -> None:
    baseline = evaluation_of(latency=(timed(2.0),))
    other = evaluation_of(latency=(timed(median),), model={"checkpoint_sha256": "7" * 64})
    found = latency_judgement(other, baseline, 1)
    assert (found.mark, found.not_compared) == (mark, None)
    mirrored: dict[Mark | None, Mark | None] = {"better": "worse", "worse": "better", None: None}
    if median in (1.0, 2.0):
        assert latency_judgement(baseline, other, 1).mark == mirrored[mark]


@pytest.mark.parametrize(
    ("ratio", "mark"), [(2.0, "better"), (1.03, "better"), (1.01, None), (0.5, "worse")]
)
def test_ratio_of_their_common_run_decides_between_a_variant_and_float32(
    ratio: float, mark: Mark | None
) -> None:
    float32 = evaluation_of(latency=(timed(2.0),))
    # The machine was busy later: medians alone would say the opposite.
    int8 = int8_of(ratio, median=9.0 if ratio > 1 else 0.1)
    assert latency_judgement(int8, float32, 1).mark == mark
    mirrored: dict[Mark | None, Mark | None] = {"better": "worse", "worse": "better", None: None}
    assert latency_judgement(float32, int8, 1).mark == mirrored[mark]


@pytest.mark.parametrize(
    ("changes", "judged_by_ratio"),
    [
        ({}, True),
        ({"provider": "cuda"}, False),
        ({"model": {"checkpoint_sha256": "7" * 64}}, False),
        ({"model": {"precision": "fp16"}}, False),
    ],
)
def test_ratio_is_taken_only_with_float32_of_the_same_network_and_provider(
    changes: dict[str, Any], judged_by_ratio: bool
) -> None:
    baseline = evaluation_of(latency=(timed(2.0),), **changes)
    found = latency_judgement(int8_of(2.0, median=9.0), baseline, 1)
    assert found.mark == ("better" if judged_by_ratio else "worse")


def on_gpu(name: str) -> Evaluation:
    gpu: dict[str, Any] = dict.fromkeys(
        (
            "memory_used_bytes",
            "sm_clock_mhz",
            "max_sm_clock_mhz",
            "throttle_reasons",
            "temperature_c",
            "utilization_percent",
        )
    )
    machine = EVALUATION.machine.model_dump() | {"gpu": {"name": name, **gpu}}
    return evaluation_of(
        latency=(timed(1.0),), machine=type(EVALUATION.machine).model_validate(machine)
    )


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (evaluation_of(latency=(timed(1.0),), environment={"cpu": "i9"}), "another machine"),
        (evaluation_of(latency=(timed(1.0),), environment={"cpus": 64}), "another machine (64"),
        (evaluation_of(latency=(timed(1.0, threads=1),)), "1 threads, the baseline had 2"),
        (evaluation_of(latency=(timed(1.0, stable=False),)), "not stable"),
        (evaluation_of(latency=(timed(1.0, p50_ci95_ms=None),)), "too few samples"),
        (int8_of(2.0).model_copy(update={"latency": (
            timed(1.0, float32_speedup=2.0, float32_speedup_ci95=None),)}), "too few samples"),
    ],
)  # fmt: skip
def test_medians_that_cannot_be_compared_say_why(other: Evaluation, reason: str) -> None:
    found = latency_judgement(other, BASELINE, 1)
    assert found.mark is None
    assert found.not_compared is not None
    assert reason in found.not_compared


def test_baseline_that_is_not_stable_is_said_to_be_the_one() -> None:
    baseline = evaluation_of(latency=(timed(1.0, stable=False),))
    found = latency_judgement(evaluation_of(), baseline, 1)
    assert found.not_compared == "the baseline is not stable"


def test_medians_of_two_gpus_are_not_compared() -> None:
    found = latency_judgement(on_gpu("A100"), on_gpu("H100"), 1)
    assert found.not_compared == "another GPU (A100)"
    assert latency_judgement(on_gpu("A100"), on_gpu("A100"), 1).not_compared is None
    assert latency_judgement(on_gpu("A100"), BASELINE, 1).mark == "better"


@pytest.mark.parametrize("timing", [timed(1.0, batch_size=4), timed(1.0, boundary="device")])
def test_what_was_not_timed_is_neither_marked_nor_explained(timing: Any) -> None:
    found = latency_judgement(evaluation_of(latency=(timing,)), BASELINE, 1)
    assert (found.mark, found.not_compared) == (None, None)
