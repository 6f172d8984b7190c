import pytest

from artifacts.choices import Scenario
from artifacts.parity_records import LiveAgreement
from evaluate.gates import (
    Gates,
    accuracy_failures,
    latency_failures,
    output_failures,
    parity_failures,
    provider_failures,
)
from tests.evaluate.records import CPU, CUDA, LATENCY, PARITY, PROOF, accuracy_of

STRICT = Gates(min_accuracy=0.99, max_accuracy_drop=0.0, max_flips=0, max_p50_ms=2.0)


@pytest.mark.parametrize("gates", [Gates(), STRICT])
def test_every_gate_passes_when_everything_holds(gates: Gates) -> None:
    assert provider_failures(PROOF, CUDA) == []
    assert parity_failures(PARITY, gates) == []
    assert accuracy_failures(accuracy_of(990), PARITY, gates) == []
    assert latency_failures([LATENCY], gates) == []


def test_node_on_another_provider_fails_and_is_told() -> None:
    mixed = PROOF.model_copy(update={"nodes": {CUDA: 14, CPU: 2}})
    (failure,) = provider_failures(mixed, CUDA)
    assert "2 on CPUExecutionProvider" in failure
    assert "14" not in failure


def test_nodes_on_the_cpu_are_allowed_only_beside_some_on_the_provider() -> None:
    allowed = PROOF.model_copy(update={"nodes": {CUDA: 14, CPU: 2}, "cpu_nodes_allowed": True})
    assert provider_failures(allowed, CUDA) == []
    (failure,) = provider_failures(allowed.model_copy(update={"nodes": {CPU: 16}}), CUDA)
    assert failure == f"provider: no node runs on {CUDA}: 16 on {CPU}"


def test_drop_that_nothing_can_be_held_against_fails() -> None:
    gates = Gates(max_accuracy_drop=5)
    assert accuracy_failures(accuracy_of(990), None, Gates()) == []
    (failure,) = accuracy_failures(accuracy_of(990), None, gates)
    assert failure == "accuracy: there is no reference for --max-accuracy-drop"
    other = PARITY.model_copy(update={"reference": "onnx"})
    (failure,) = accuracy_failures(accuracy_of(900), other, gates)
    assert "9.00 points below the other file" in failure


def test_pytorch_of_now_that_is_not_the_recorded_one_fails() -> None:
    for live, told in (
        (LiveAgreement(max_abs=0.5, within_tolerance=False), "difference 0.5"),
        (LiveAgreement(max_abs=None, within_tolerance=False), "is not finite"),
    ):
        (failure,) = parity_failures(PARITY.model_copy(update={"live": live}), Gates())
        assert told in failure
    agrees = LiveAgreement(max_abs=1e-7, within_tolerance=True)
    assert parity_failures(PARITY.model_copy(update={"live": agrees}), Gates()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"constant_output": True}, "outputs: every image gets the same logits"),
        ({"expected_calibration_error": None}, "outputs: some logits are not finite numbers"),
    ],
)
def test_outputs_without_a_reference_must_be_finite_and_vary(
    change: dict[str, object], told: str
) -> None:
    assert output_failures(accuracy_of(990)) == []
    assert output_failures(accuracy_of(990).model_copy(update=change)) == [told]


def test_provider_fails_when_no_node_was_seen_anywhere() -> None:
    assert provider_failures(PROOF.model_copy(update={"nodes": {}}), CUDA)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"constant_output": True}, "gives every image the same logits"),
        ({"within_tolerance": False, "elements_outside": 7, "max_abs": 0.5}, "7 logits differ"),
        ({"flips": 3, "unexplained_flips": 1}, "1 unexplained flips"),
        ({"nonfinite": 2, "within_tolerance": False}, "2 logits are not finite"),
    ],
)
def test_parity_gate_fails_without_any_option(change: dict[str, object], told: str) -> None:
    (failure,) = parity_failures(PARITY.model_copy(update=change), Gates())
    assert told in failure


@pytest.mark.parametrize(("flips", "fails"), [(2, False), (3, True)])
def test_max_flips_counts_the_explained_ones_too(flips: int, fails: bool) -> None:
    parity = PARITY.model_copy(update={"flips": flips, "explained_flips": flips})
    failures = parity_failures(parity, Gates(max_flips=2))
    assert failures == (["parity: 3 flips, more than --max-flips 2"] if fails else [])


@pytest.mark.parametrize(("correct", "fails"), [(900, False), (899, True)])
def test_min_accuracy_holds_from_the_number_on(correct: int, fails: bool) -> None:
    failures = accuracy_failures(accuracy_of(correct), PARITY, Gates(min_accuracy=0.9))
    assert bool(failures) is fails
    assert not fails or "0.8990 is below --min-accuracy 0.9" in failures[0]


@pytest.mark.parametrize(("correct", "fails"), [(995, False), (983, False), (982, True)])
def test_max_accuracy_drop_is_in_points_below_pytorch(correct: int, fails: bool) -> None:
    gates = Gates(max_accuracy_drop=0.7)
    failures = accuracy_failures(accuracy_of(correct), PARITY, gates)
    assert bool(failures) is fails
    assert not fails or "0.80 points below PyTorch" in failures[0]


@pytest.mark.parametrize("examples", [3, 7, 1797, 10_000, 26_032])
def test_drop_of_exactly_the_allowed_points_passes(examples: int) -> None:
    for lost in range(min(examples, 200)):
        gates = Gates(max_accuracy_drop=100 * lost / examples)
        accuracy, pytorch = accuracy_of(examples - lost, examples), accuracy_of(examples, examples)
        parity = PARITY.model_copy(update={"pytorch_accuracy": pytorch})
        assert accuracy_failures(accuracy, parity, gates) == []


def test_max_p50_is_for_every_batch_size() -> None:
    slow = LATENCY.model_copy(update={"batch_size": 32, "p50_ms": 2.001})
    assert latency_failures([LATENCY, slow], Gates()) == []
    (failure,) = latency_failures([LATENCY, slow], Gates(max_p50_ms=2.0))
    assert "latency at batch 32: median 2.001 ms is above --max-p50-ms 2" in failure


def test_unverified_outputs_fail_without_any_option() -> None:
    unverified = LATENCY.model_copy(update={"outputs_verified": False})
    (failure,) = latency_failures([unverified], Gates())
    assert failure.startswith("latency at batch 1: ")


def test_all_failures_are_listed() -> None:
    parity = PARITY.model_copy(
        update={
            "constant_output": True,
            "within_tolerance": False,
            "elements_outside": 7,
            "max_abs": 0.5,
            "flips": 3,
            "unexplained_flips": 1,
        }
    )
    slow = LATENCY.model_copy(update={"outputs_verified": False, "p50_ms": 9.0})
    assert len(parity_failures(parity, STRICT)) == 4
    assert len(accuracy_failures(accuracy_of(980), PARITY, STRICT)) == 2
    assert len(latency_failures([slow, slow], STRICT)) == 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"p99_ms": 3.0}, None),
        ({"p99_ms": 3.001}, "p99 3.001 ms is above --max-p99-ms 3"),
        ({"p99_ms": None, "samples": 661}, "661 samples are too few"),
    ],
)
def test_max_p99_holds_only_where_there_is_one(change: dict[str, object], told: str | None) -> None:
    timing = LATENCY.model_copy(update=change)
    assert latency_failures([timing], Gates()) == []
    failures = latency_failures([timing], Gates(max_p99_ms=3.0))
    assert len(failures) == (told is not None)
    assert told is None or told in failures[0]


@pytest.mark.parametrize(
    ("speedup", "told"),
    [(1.5, None), (1.49, "1.49 times PyTorch"), (None, "PyTorch was not timed")],
)
def test_min_speedup_holds_from_the_number_on(speedup: float | None, told: str | None) -> None:
    timing = LATENCY.model_copy(update={"speedup": speedup})
    assert latency_failures([timing], Gates()) == []
    failures = latency_failures([timing], Gates(min_speedup=1.5))
    assert len(failures) == (told is not None)
    assert told is None or told in failures[0]


def test_gates_tell_which_of_them_need_a_timing() -> None:
    timed = Gates(max_p50_ms=1.0, max_p99_ms=0.0, min_speedup=1)
    expected: tuple[tuple[Scenario | None, tuple[str, ...]], ...] = (
        (None, ("--max-p50-ms", "--max-p99-ms", "--min-speedup")),
        ("single-stream", ()),
        ("offline", ("--max-p50-ms", "--max-p99-ms")),
        ("server", ("--max-p50-ms", "--min-speedup")),
    )
    for scenario, unanswered in expected:
        assert timed.unanswered(scenario) == unanswered
        assert Gates(min_accuracy=1, max_flips=0).unanswered(scenario) == ()
