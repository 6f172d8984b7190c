"""The verdict: every gate that an evaluation must pass, all failures listed."""

from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.evaluation_records import (
    AccuracyRecord,
    LatencyRecord,
    ParityRecord,
    ProviderProof,
)


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What the user wants beyond parity; None asks for nothing."""

    min_accuracy: float | None = None  # top-1 fraction of ONNX Runtime's answers
    max_accuracy_drop: float | None = None  # percentage points below PyTorch
    max_flips: int | None = None  # explained ones too
    max_p50_ms: float | None = None  # at every batch size that was measured, as the next two
    max_p99_ms: float | None = None
    min_speedup: float | None = None  # PyTorch's median over ONNX Runtime's

    @property
    def needs_latency(self) -> tuple[str, ...]:
        """The options among them that cannot be held to without a timing."""
        wanted = {
            "--max-p50-ms": self.max_p50_ms,
            "--max-p99-ms": self.max_p99_ms,
            "--min-speedup": self.min_speedup,
        }
        return tuple(option for option, value in wanted.items() if value is not None)


def provider_failures(provider: ProviderProof, full_name: str) -> list[str]:
    """Return a line for the nodes that another provider runs than the one asked for."""
    if not provider.nodes:
        return ["provider: ONNX Runtime did not say where it put the nodes"]
    elsewhere = {name: count for name, count in provider.nodes.items() if name != full_name}
    if not elsewhere:
        return []
    places = ", ".join(f"{count} on {name}" for name, count in elsewhere.items())
    return [f"provider: not all nodes run on {full_name}: {places}"]


def parity_failures(parity: ParityRecord, gates: Gates) -> list[str]:
    """Return a line for each way in which the logits are not PyTorch's."""
    if parity.nonfinite:
        return [f"parity: {parity.nonfinite} logits are not finite numbers"]
    failures = []
    if parity.constant_output:
        failures.append("parity: PyTorch gives every image the same logits, which proves nothing")
    if not parity.within_tolerance:
        failures.append(
            f"parity: {parity.elements_outside} logits differ by more than {parity.tolerance}"
            f" allows (atol {parity.atol:g}, rtol {parity.rtol:g}); largest {parity.max_abs:.3g}"
        )
    if parity.unexplained_flips:
        failures.append(f"parity: {parity.unexplained_flips} unexplained flips")
    if gates.max_flips is not None and parity.flips > gates.max_flips:
        failures.append(f"parity: {parity.flips} flips, more than --max-flips {gates.max_flips}")
    return failures


def accuracy_failures(accuracy: AccuracyRecord, pytorch: AccuracyRecord, gates: Gates) -> list[str]:
    """Return a line for each accuracy gate that does not hold."""
    failures = []
    if gates.min_accuracy is not None and accuracy.top1 < gates.min_accuracy:
        failures.append(
            f"accuracy: {accuracy.top1:.4f} is below --min-accuracy {gates.min_accuracy:g}"
        )
    lost = 100 * (pytorch.correct - accuracy.correct) / accuracy.examples
    if gates.max_accuracy_drop is not None and lost > gates.max_accuracy_drop:
        failures.append(
            f"accuracy: {lost:.2f} points below PyTorch, more than"
            f" --max-accuracy-drop {gates.max_accuracy_drop:g}"
        )
    return failures


def latency_failures(latency: Sequence[LatencyRecord], gates: Gates) -> list[str]:
    """Return a line for each batch size that is too slow, or whose timed outputs were wrong."""
    failures = []
    for timing in latency:
        where = f"latency at batch {timing.batch_size}"
        if not timing.outputs_verified:
            failures.append(f"{where}: timed calls did not give the outputs of untimed ones")
        checks = (_p50_failure, _p99_failure, _speedup_failure)
        found = (check(timing, gates) for check in checks)
        failures += [f"{where}: {failure}" for failure in found if failure]
    return failures


def _p50_failure(timing: LatencyRecord, gates: Gates) -> str | None:
    if gates.max_p50_ms is not None and timing.p50_ms > gates.max_p50_ms:
        return f"median {timing.p50_ms:.3f} ms is above --max-p50-ms {gates.max_p50_ms:g}"
    return None


def _p99_failure(timing: LatencyRecord, gates: Gates) -> str | None:
    if gates.max_p99_ms is None:
        return None
    if timing.p99_ms is None:
        return f"{timing.samples} samples are too few for the p99 that --max-p99-ms asks for"
    if timing.p99_ms > gates.max_p99_ms:
        return f"p99 {timing.p99_ms:.3f} ms is above --max-p99-ms {gates.max_p99_ms:g}"
    return None


def _speedup_failure(timing: LatencyRecord, gates: Gates) -> str | None:
    if gates.min_speedup is None:
        return None
    if timing.speedup is None:
        return "PyTorch was not timed, so --min-speedup cannot hold"
    if timing.speedup < gates.min_speedup:
        return f"{timing.speedup:.2f} times PyTorch, below --min-speedup {gates.min_speedup:g}"
    return None
