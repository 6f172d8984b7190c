"""An evaluation's timings as lines."""

from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord, OfflineRecord, ServerRecord
from artifacts.limit_records import ShareOfLimit

Pairs = list[tuple[str, str]]


def timing_pairs(evaluation: Evaluation) -> Pairs:
    """Return a name and a text for each thing that was timed."""
    pairs: Pairs = []
    for timing in evaluation.latency:
        pairs.append((f"batch {timing.batch_size}", _latency(timing)))
        if timing.limit is not None:
            pairs.append(("", _share(timing.limit)))
    if evaluation.limit_missing:
        pairs.append(("limit", evaluation.limit_missing))
    if evaluation.offline:
        pairs.append(("offline", _offline(evaluation.offline)))
    if evaluation.server:
        pairs.append(("server", _server(evaluation.server)))
    if pairs and (disturbed := _disturbances(evaluation)):
        pairs.append(("disturbed by", disturbed))
    return pairs


def _latency(timing: LatencyRecord) -> str:
    text = f"median {timing.p50_ms:.3f} ms{_interval(timing.p50_ci95_ms, '.3f')}"
    text += f", {timing.images_per_second:,.0f} images/s"
    if timing.p90_ms is not None:
        text += f", p90 {timing.p90_ms:.3f} ms"
    if timing.p99_ms is not None:
        text += f", p99 {timing.p99_ms:.3f} ms"
    if timing.pytorch is not None:
        text += f"; PyTorch {timing.pytorch.p50_ms:.3f} ms ({timing.speedup:.2f} times"
        text += f"{_interval(timing.speedup_ci95, '.2f')})"
    if timing.float32 is not None:
        text += f"; float32 {timing.float32.p50_ms:.3f} ms ({_beside_float32(timing)})"
    if timing.boundary == "device":
        text += "; on the device"
    if timing.cuda_graph:
        text += ", CUDA graph"
    return text if timing.stable else f"{text}; not stable"


def _share(reached: ShareOfLimit) -> str:
    return (
        f"{100 * reached.share:.0f}% of this machine's float32 limit ({reached.bound} bound),"
        f" {reached.gflops:,.0f} of {reached.attainable_gflops:,.0f} GFLOP/s"
    )


def _beside_float32(timing: LatencyRecord) -> str:
    interval = _interval(timing.float32_speedup_ci95, ".2f")
    assert timing.float32_speedup is not None
    if timing.float32_speedup < 1:
        return f"SLOWER: {timing.float32_speedup:.2f} times its speed{interval}"
    return f"{timing.float32_speedup:.2f} times its speed{interval}"


def _offline(offline: OfflineRecord) -> str:
    text = f"{offline.images_per_second:,.0f} images/s{_interval(offline.ci95, ',.0f')}"
    text += f" at batch {offline.batch_size}"
    if offline.pytorch is not None:
        text += f"; PyTorch {offline.pytorch.images_per_second:,.0f} ({offline.speedup:.2f} times"
        text += f"{_interval(offline.speedup_ci95, '.2f')})"
    return text


def _server(server: ServerRecord) -> str:
    if server.queries_per_second is None:
        return f"no rate held p99 under {server.bound_ms:g} ms"
    return (
        f"{server.queries_per_second:,.0f} queries/s arriving at random hold p99 under"
        f" {server.bound_ms:g} ms, in batches of up to {server.largest_batch}"
        f" ({len(server.trials)} trials)"
    )


def _interval(bounds: tuple[float, float] | None, form: str) -> str:
    return f" [{bounds[0]:{form}}, {bounds[1]:{form}}]" if bounds else ""


def _disturbances(evaluation: Evaluation) -> str:
    """Return what may have spoiled the timings; nothing on a quiet machine."""
    machine, cpus = evaluation.machine, evaluation.environment.cpus
    found = []
    if machine.load_average is not None and machine.load_average > cpus / 2:
        found.append(f"other work (load {machine.load_average:g} at the start, of {cpus} CPUs)")
    if machine.throttled_periods:
        found.append(f"the CPU quota ({machine.throttled_periods} periods throttled)")
    if machine.thermal_throttles:
        found.append(f"heat ({machine.thermal_throttles} throttlings)")
    return ", ".join(found)
