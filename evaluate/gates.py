"""The verdict: every gate that an evaluation must pass, all failures listed."""

from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.accuracy_records import AccuracyRecord
from artifacts.choices import Scenario
from artifacts.evaluation_records import BaselineComparison, BatchIndependence, ProviderProof
from artifacts.latency_records import LatencyRecord, OfflineRecord, ServerRecord
from artifacts.parity_records import ParityRecord
from evaluate.accuracy_loss import loss_failures
from evaluate.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What the user wants beyond parity; None asks for nothing."""

    min_accuracy: float | None = None  # top-1 fraction of ONNX Runtime's answers
    max_accuracy_drop: float | None = None  # percentage points below PyTorch
    max_flips: int | None = None  # explained ones too
    max_p50_ms: float | None = None  # at every batch size that was measured, as the next two
    max_p99_ms: float | None = None
    min_speedup: float | None = None  # PyTorch's median over ONNX Runtime's

    def unanswered(self, scenario: Scenario | None) -> tuple[str, ...]:
        """Return the options among them that such a timing, or none, cannot answer."""
        answered = {
            "single-stream": ("--max-p50-ms", "--max-p99-ms", "--min-speedup"),
            "offline": ("--min-speedup",),
            "server": ("--max-p99-ms",),
            None: (),
        }
        wanted = {
            "--max-p50-ms": self.max_p50_ms,
            "--max-p99-ms": self.max_p99_ms,
            "--min-speedup": self.min_speedup,
        }
        return tuple(
            option
            for option, value in wanted.items()
            if value is not None and option not in answered[scenario]
        )


def failures_of(evidence: Evidence, gates: Gates) -> tuple[str, ...]:
    """Return a line for everything that does not hold; the verdict is `pass` where there is none.

    Nothing hides behind an earlier failure, but for figures that nonfinite values leave without
    meaning.
    """
    parity, accuracy = evidence.parity, evidence.accuracy
    return (
        *provider_failures(evidence.provider, evidence.full_name),
        *(parity_failures(parity, gates) if parity else output_failures(accuracy)),
        *independence_failures(evidence.independence),
        *fixed_batch_failures(evidence.fixed_batch),
        *(
            (*accuracy_failures(accuracy, parity, gates), *loss_failures(evidence.loss))
            if evidence.labelled
            else unlabelled_failures(gates)
        ),
        *latency_failures(evidence.timings.latency, gates),
        *(offline_failures(evidence.timings.offline, gates) if evidence.timings.offline else ()),
        *(server_failures(evidence.timings.server) if evidence.timings.server else ()),
        *(baseline_failures(evidence.baseline) if evidence.baseline else ()),
    )


def provider_failures(provider: ProviderProof, full_name: str) -> list[str]:
    """Return a line for the nodes that another provider runs than the one asked for."""
    if not provider.nodes:
        return ["provider: ONNX Runtime did not say where it put the nodes"]
    elsewhere = {name: count for name, count in provider.nodes.items() if name != full_name}
    places = ", ".join(f"{count} on {name}" for name, count in elsewhere.items())
    if full_name not in provider.nodes:
        return [f"provider: no node runs on {full_name}: {places}"]
    if not elsewhere or provider.cpu_nodes_allowed:
        return []
    return [f"provider: not all nodes run on {full_name}: {places}"]


def parity_failures(parity: ParityRecord, gates: Gates) -> list[str]:
    """Return a line for each way in which the logits are not PyTorch's."""
    if parity.nonfinite:
        return [f"parity: {parity.nonfinite} logits are not finite numbers"]
    failures = []
    if parity.constant_output:
        failures.append(
            "parity: the reference gives every image the same logits, as far as tolerance"
            f" {parity.tolerance} can tell, which proves nothing"
        )
    if not parity.within_tolerance:
        but = f" but {100 * parity.outside_share:g}%" if parity.outside_share else ""
        failures.append(
            f"parity: {parity.elements_outside} logits differ by more than {parity.tolerance}"
            f" allows (atol {parity.atol:g}, rtol {parity.rtol:g}{but}); largest"
            f" {parity.max_abs:.3g}"
        )
    # Where a share of the logits may be far off, as large a share of the classes may follow them:
    # whether that costs accuracy is McNemar's to say.
    if parity.unexplained_flips > parity.outside_share * parity.examples:
        failures.append(f"parity: {parity.unexplained_flips} unexplained flips")
    if gates.max_flips is not None and parity.flips > gates.max_flips:
        failures.append(f"parity: {parity.flips} flips, more than --max-flips {gates.max_flips}")
    if parity.live and not parity.live.within_tolerance:
        seen = "one is not finite" if parity.live.max_abs is None else f"{parity.live.max_abs:.3g}"
        failures.append(
            "parity: PyTorch's logits of now are not the recorded ones; largest difference"
            f" {seen}: export again"
        )
    return failures


def output_failures(accuracy: AccuracyRecord) -> list[str]:
    """Return a line where there is no reference and the outputs are none that could be right."""
    if accuracy.expected_calibration_error is None:
        return ["outputs: some logits are not finite numbers"]
    if accuracy.constant_output:
        return ["outputs: every image gets the same logits"]
    return []


def independence_failures(independence: BatchIndependence | None) -> list[str]:
    """Return a line where an image's logits depend on what else is in its batch."""
    if independence is None or independence.within_tolerance:
        return []
    by = "" if independence.max_abs is None else f", by up to {independence.max_abs:.3g}"
    return [f"batch: an image gets other logits alone than among others{by}"]


def fixed_batch_failures(fixed_batch: int | None) -> list[str]:
    """Return a line where a run's graph, which is exported for any batch, takes one size only."""
    if fixed_batch is None:
        return []
    return [f"batch: the graph takes {fixed_batch} images at a time, and no other number"]


def accuracy_failures(
    accuracy: AccuracyRecord, parity: ParityRecord | None, gates: Gates
) -> list[str]:
    """Return a line for each accuracy gate that does not hold."""
    failures = []
    if gates.min_accuracy is not None and accuracy.top1 < gates.min_accuracy:
        failures.append(
            f"accuracy: {accuracy.top1:.4f} is below --min-accuracy {gates.min_accuracy:g}"
        )
    if gates.max_accuracy_drop is None:
        return failures
    if parity is None:
        return [*failures, "accuracy: there is no reference for --max-accuracy-drop"]
    assert parity.pytorch_accuracy is not None  # where there are labels there is one
    lost = 100 * (parity.pytorch_accuracy.correct - accuracy.correct) / accuracy.examples
    if lost > gates.max_accuracy_drop:
        reference = "the other file" if parity.reference == "onnx" else "PyTorch"
        failures.append(
            f"accuracy: {lost:.2f} points below {reference}, more than"
            f" --max-accuracy-drop {gates.max_accuracy_drop:g}"
        )
    return failures


def unlabelled_failures(gates: Gates) -> list[str]:
    """Return a line for each accuracy gate that examples without labels cannot answer."""
    wanted = {
        "--min-accuracy": gates.min_accuracy,
        "--max-accuracy-drop": gates.max_accuracy_drop,
    }
    return [
        f"accuracy: the images have no labels for {option}"
        for option, value in wanted.items()
        if value is not None
    ]


def latency_failures(latency: Sequence[LatencyRecord], gates: Gates) -> list[str]:
    """Return a line for each batch size that is too slow, or whose timed outputs were wrong."""
    failures = []
    for timing in latency:
        where = f"latency at batch {timing.batch_size}"
        if not timing.outputs_verified:
            failures.append(f"{where}: timed calls did not give the outputs of untimed ones")
        found = (
            _p50_failure(timing, gates),
            _p99_failure(timing, gates),
            _speedup_failure(timing.speedup, gates),
        )
        failures += [f"{where}: {failure}" for failure in found if failure]
    return failures


def offline_failures(offline: OfflineRecord, gates: Gates) -> list[str]:
    """Return a line for each thing that the throughput does not hold."""
    failures = []
    if not offline.outputs_verified:
        failures.append("offline: timed passes did not give the outputs of untimed ones")
    if failure := _speedup_failure(offline.speedup, gates):
        failures.append(f"offline: {failure}")
    return failures


def server_failures(server: ServerRecord) -> list[str]:
    """Return a line for each thing that no rate of arrivals held."""
    failures = []
    if not server.outputs_verified:
        failures.append("server: queries were not answered with the outputs of untimed calls")
    if server.queries_per_second is None:
        slowest = min(trial.queries_per_second for trial in server.trials)
        failures.append(
            f"server: not even {slowest:.3g} queries a second hold p99 under {server.bound_ms:g} ms"
        )
    return failures


def baseline_failures(baseline: BaselineComparison) -> list[str]:
    """Return a line for everything that became worse."""
    failures = []
    if baseline.accuracy_worse:
        assert baseline.accuracy_change_ci95 is not None  # else nothing could be worse
        low, high = (100 * bound for bound in baseline.accuracy_change_ci95)
        failures.append(
            f"baseline: accuracy changed by {low:.2f} to {high:.2f} points (95% interval)"
        )
    for change in baseline.latency:
        if change.worse:
            of = "median" if change.of == "p50_ms" else "speed beside PyTorch"
            unit = " ms" if change.of == "p50_ms" else " times"
            failures.append(
                f"baseline: {of} at batch {change.batch_size} is {change.now:.3f}{unit}, was"
                f" {change.baseline:.3f}"
            )
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


def _speedup_failure(speedup: float | None, gates: Gates) -> str | None:
    if gates.min_speedup is None:
        return None
    if speedup is None:
        return "PyTorch was not timed, so --min-speedup cannot hold"
    if speedup < gates.min_speedup:
        return f"{speedup:.2f} times PyTorch, below --min-speedup {gates.min_speedup:g}"
    return None
