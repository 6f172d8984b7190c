"""What an evaluation's timings claim: latencies, throughput, rates, and what disturbed them."""

from typing import Literal

from pydantic import model_validator

from artifacts.json_records import Count, Duration, Magnitude, Positive, Record
from artifacts.limit_records import ShareOfLimit

# What the clock brackets: numpy in and out, or inputs and outputs that lie on the GPU.
Boundary = Literal["host", "device"]


class Timing(Record):
    """Milliseconds a call, from samples of one side; a percentile is None where too few."""

    samples: Count
    seconds: Duration
    p50_ms: Duration
    p50_ci95_ms: tuple[Duration, Duration] | None  # by bootstrap; None from too few blocks
    p90_ms: Duration | None
    p95_ms: Duration | None
    p99_ms: Duration | None
    mean_ms: Duration
    cv: Magnitude
    images_per_second: Duration
    first_run_ms: Duration
    stable: bool

    @model_validator(mode="after")
    def _require_percentiles_in_order(self) -> "Timing":
        all_of_them = (self.p50_ms, self.p90_ms, self.p95_ms, self.p99_ms)
        given = [value for value in all_of_them if value is not None]
        if given != sorted(given):
            raise ValueError("a higher percentile is lower")
        return self


class LatencyRecord(Timing):
    """ONNX Runtime's timing at one batch size, others' from the same run beside it."""

    batch_size: Positive
    boundary: Boundary
    outputs_verified: bool
    threads: Positive
    cuda_graph: bool
    pytorch: Timing | None
    speedup: Magnitude | None  # PyTorch's median over ONNX Runtime's
    speedup_ci95: tuple[Magnitude, Magnitude] | None
    # Of a reduced precision: the run's float32 graph on that provider, and its median over ours.
    float32: Timing | None = None
    float32_speedup: Magnitude | None = None
    float32_speedup_ci95: tuple[Magnitude, Magnitude] | None = None
    limit: ShareOfLimit | None = None  # None: not known, or of an older evaluation


class Throughput(Record):
    """Images a second of whole passes over the split, median and its interval."""

    passes: Count
    images: Count
    seconds: Duration
    images_per_second: Magnitude
    ci95: tuple[Magnitude, Magnitude] | None


class OfflineRecord(Throughput):
    """Scenario `offline`: all examples are there at once, taken in the largest batch."""

    batch_size: Positive
    outputs_verified: bool
    threads: Positive
    pytorch: Throughput | None
    speedup: Magnitude | None
    speedup_ci95: tuple[Magnitude, Magnitude] | None


class ServerTrial(Record):
    """Poisson arrivals at one rate: latencies from arrival to answer."""

    queries_per_second: Magnitude
    queries: Count
    seconds: Duration
    p50_ms: Duration
    p90_ms: Duration | None
    p99_ms: Duration | None
    over_bound: Count
    mean_batch: Magnitude
    holds: bool  # p99 is under the bound, with 99% confidence


class ServerRecord(Record):
    """Scenario `server`: the largest rate of arrivals whose p99 stays under the bound."""

    bound_ms: Duration
    queries_per_second: Magnitude | None  # None: not even the smallest rate that was tried holds it
    largest_batch: Positive
    trials: tuple[ServerTrial, ...]
    outputs_verified: bool
    threads: Positive
    seed: Count

    @property
    def holds(self) -> bool:
        """Whether a rate was found, and its queries answered with the right outputs."""
        return self.outputs_verified and self.queries_per_second is not None


class GpuState(Record):
    """What nvidia-smi says of the GPU; None where it does not tell."""

    name: str
    memory_used_bytes: Count | None  # by everybody on it; ONNX Runtime's arena does not shrink
    sm_clock_mhz: Count | None
    max_sm_clock_mhz: Count | None
    throttle_reasons: str | None
    temperature_c: int | None
    utilization_percent: Count | None


class MachineState(Record):
    """What disturbs a measurement, while it was made; None where the system does not tell."""

    load_average: Magnitude | None  # at the start, so without our own work
    cpu_mhz: tuple[Magnitude, Magnitude] | None  # lowest and highest of the CPUs, seen at the end
    throttled_periods: int | None  # of our control group, by its CPU quota
    thermal_throttles: int | None  # of all CPUs
    stolen_seconds: float | None  # by the hypervisor, from all CPUs
    involuntary_switches: Count | None
    peak_rss_bytes: Count | None  # of this process since it began
    gpu: GpuState | None
