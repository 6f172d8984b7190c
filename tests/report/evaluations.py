"""Evaluations with names, for tests to change one thing of."""

from typing import Any

from artifacts.evaluation_records import Evaluation
from artifacts.latency_records import LatencyRecord
from report.comparison import (
    ComparedEvaluation,
    Comparison,
    NamedEvaluation,
    compared_evaluations,
    notes_of,
)
from tests.evaluate.records import EVALUATION, LATENCY, accuracy_of

TIMED = LATENCY.model_copy(update={"p50_ms": 2.0, "p50_ci95_ms": (1.9, 2.1)})


def timed(median: float, **changes: Any) -> LatencyRecord:
    """A timing whose interval is 1% to either side."""
    interval = (0.99 * median, 1.01 * median)
    return TIMED.model_copy(update={"p50_ms": median, "p50_ci95_ms": interval, **changes})


def evaluation_of(
    correct: int = 990,
    *,
    examples: int = 1000,
    latency: tuple[LatencyRecord, ...] = (TIMED,),
    model: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    provider: str = "cpu",
    **changes: Any,
) -> Evaluation:
    """The passed evaluation with these things changed."""
    return EVALUATION.model_copy(
        update={
            "accuracy": accuracy_of(correct, examples),
            "latency": latency,
            "model": EVALUATION.model.model_copy(update={"file_bytes": 400, **(model or {})}),
            "dataset": EVALUATION.dataset.model_copy(update=dataset or {}),
            "environment": EVALUATION.environment.model_copy(update=environment or {}),
            "provider": EVALUATION.provider.model_copy(update={"requested": provider}),
            **changes,
        }
    )


def int8_of(
    ratio: float | None, *, correct: int = 990, median: float = 0.8, **changes: Any
) -> Evaluation:
    """An int8 variant that is so many times float32's speed, give or take 2%."""
    interval = None if ratio is None else (0.98 * ratio, 1.02 * ratio)
    timing = timed(median, float32_speedup=ratio, float32_speedup_ci95=interval)
    model = {"precision": "int8", "onnx_sha256": "6" * 64, "file_bytes": 100}
    return evaluation_of(correct, latency=(timing,), model=model, **changes)


def named(evaluation: Evaluation, run: str = "run") -> NamedEvaluation:
    """The evaluation under the name that a run gives it."""
    name = f"{run}/{evaluation.model.precision}-{evaluation.provider.requested}"
    return NamedEvaluation(name=name, run=run, file=f"{name}.json", evaluation=evaluation)


def rows_of(
    *evaluations: NamedEvaluation, batch_size: int | None = 1
) -> tuple[ComparedEvaluation, ...]:
    """The rows, the first of which is the baseline."""
    return compared_evaluations(evaluations, evaluations[0], batch_size)


def comparison_of(*evaluations: NamedEvaluation, batch_size: int | None = 1) -> Comparison:
    """The comparison, without advice."""
    rows = rows_of(*evaluations, batch_size=batch_size)
    return Comparison(
        batch_size=batch_size,
        baseline=rows[0].name,
        rows=rows,
        notes=notes_of(rows),
        networks=None,
    )
