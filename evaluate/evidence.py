"""All that a verdict rests on."""

from dataclasses import dataclass, field

from artifacts.accuracy_records import AccuracyRecord
from artifacts.evaluation_records import (
    AccuracyLoss,
    BaselineComparison,
    BatchIndependence,
    ProviderProof,
    ShownExamples,
)
from artifacts.latency_records import LatencyRecord, OfflineRecord, ServerRecord
from artifacts.parity_records import ParityRecord


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What was measured; nothing of the scenarios that were not asked for."""

    latency: tuple[LatencyRecord, ...] = ()
    offline: OfflineRecord | None = None
    server: ServerRecord | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that the verdict rests on; None where there is nothing of the kind."""

    provider: ProviderProof
    full_name: str  # of the provider that was asked for
    labelled: bool  # else `accuracy` counts agreement with the reference
    parity: ParityRecord | None
    loss: AccuracyLoss | None
    independence: BatchIndependence | None
    fixed_batch: int | None  # of a run's own graph, which should take any number of images
    accuracy: AccuracyRecord
    shown: ShownExamples | None = None
    timings: Timings = field(default_factory=Timings)
    baseline: BaselineComparison | None = None
