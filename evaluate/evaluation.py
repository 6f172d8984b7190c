"""An evaluation from start to record: what `evaluate` does once the options are read."""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from artifacts.chain import ExportedNetwork
from artifacts.environment import current_environment
from artifacts.evaluation_records import (
    AccuracyRecord,
    EvaluatedDataset,
    EvaluatedModel,
    Evaluation,
    LatencyRecord,
    ParityRecord,
    ProviderProof,
)
from artifacts.json_records import write_record
from artifacts.logits import (
    Images,
    Logits,
    LogitsFunction,
    ReferenceLogits,
    Tolerance,
    load_reference,
)
from data import Dataset, Split
from errors import ArtifactError
from evaluate.accuracy import accuracy_from_logits
from evaluate.gates import (
    Gates,
    accuracy_failures,
    latency_failures,
    parity_failures,
    provider_failures,
)
from evaluate.latency import LatencyOptions, measured_latency
from evaluate.onnx_runtime import OnnxRunner
from evaluate.parity import parity_of
from evaluate.tolerances import tolerance_for

BATCH_SIZE = 128
log = logging.getLogger("onnxproof")
OnStep = Callable[[str, int, int], None]  # what is going on, done, in all


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What the user decides about an evaluation."""

    provider: str = "cpu"
    gates: Gates = field(default_factory=Gates)
    latency: LatencyOptions | None = field(default_factory=LatencyOptions)  # None: not measured
    atol: float | None = None
    rtol: float | None = None
    threads: int | None = None  # of each side; None: as many as this process may use


def evaluate(
    exported: ExportedNetwork,
    dataset: Dataset,
    options: EvaluationOptions,
    *,
    on_step: OnStep,
    command: str,
) -> Evaluation:
    """Prove one exported variant on one provider; write the evaluation and return it.

    Args:
        exported: the variant, its chain of hashes verified.
        dataset: the one that its recipe names; its whole test split is evaluated.
        options: what the user decides.
        on_step: is told how it goes on.
        command: for the record.

    Raises:
        UnusableError: the provider does not work here; nothing is written then.
        ArtifactError: the reference is damaged, or is not of these examples.
        DatasetError: a label is no class of the model.
        UnfinishedError: ONNX Runtime could not run the graph, or the disk is full.
    """
    runner = OnnxRunner(exported.onnx, options.provider, threads=options.threads)
    tolerance = tolerance_for(
        options.provider, exported.variant.precision, atol=options.atol, rtol=options.rtol
    )
    reference = _reference_of(exported, dataset)
    logits_NK = _logits_over(runner, dataset.test.images, on_step)
    accuracy, parity = _accuracy_and_parity(logits_NK, reference, dataset, tolerance)
    latency = _latency(exported, runner, dataset.test, options, tolerance, on_step)
    proof = ProviderProof(
        requested=runner.requested,
        session=runner.session_providers,
        nodes=runner.nodes,
        copies=runner.copies,
        options=runner.options,
    )
    failures = (
        *provider_failures(proof, runner.session_providers[0]),
        *parity_failures(parity, options.gates),
        *accuracy_failures(accuracy, parity.pytorch_accuracy, options.gates),
        *latency_failures(latency, options.gates),
    )
    evaluation = Evaluation(
        verdict="fail" if failures else "pass",
        failures=failures,
        model=_evaluated_model(exported),
        dataset=_evaluated_dataset(dataset),
        provider=proof,
        accuracy=accuracy,
        parity=parity,
        latency=latency,
        load_ms=runner.load_ms,
        reference_sha256=exported.reference.sha256,
        environment=current_environment(),
        command=command,
    )
    run = exported.trained.run
    write_record(run.evaluation(exported.variant.precision, options.provider), evaluation)
    return evaluation


def _evaluated_model(exported: ExportedNetwork) -> EvaluatedModel:
    variant = exported.variant
    return EvaluatedModel(
        onnx_sha256=variant.onnx_sha256,
        precision=variant.precision,
        checkpoint_sha256=variant.checkpoint_sha256,
        opset=variant.opset,
        name=exported.trained.recipe.model.name,
        parameters=exported.trained.training.parameters,
    )


def _evaluated_dataset(dataset: Dataset) -> EvaluatedDataset:
    return EvaluatedDataset(
        name=dataset.name,
        split="test",
        examples=len(dataset.test),
        sha256=dataset.sha256,
        split_sha256=dataset.test.sha256,
    )


def _reference_of(exported: ExportedNetwork, dataset: Dataset) -> ReferenceLogits:
    path = exported.trained.run.reference
    reference = load_reference(path)
    if reference.split_sha256 != dataset.test.sha256 or len(reference.float32_NK) != len(
        dataset.test
    ):
        raise ArtifactError(
            str(path),
            f"was computed on another test split than {dataset.name}'s"
            f" (sha256 {reference.split_sha256[:12]}, found {dataset.test.sha256[:12]})",
            hint=f"export again with: python cli.py export --run {path.parent}",
        )
    return reference


def _logits_over(runner: OnnxRunner, images: Images, on_step: OnStep) -> Logits:
    """Return logits_NK of all images, the short last batch included."""
    parts = []
    for start in range(0, len(images), BATCH_SIZE):
        parts.append(runner.logits(images[start : start + BATCH_SIZE]))
        on_step("accuracy and parity", min(start + BATCH_SIZE, len(images)), len(images))
    return np.concatenate(parts)


def _accuracy_and_parity(
    logits_NK: Logits, reference: ReferenceLogits, dataset: Dataset, tolerance: Tolerance
) -> tuple[AccuracyRecord, ParityRecord]:
    labels_N = np.asarray(dataset.test.labels)
    accuracy = accuracy_from_logits(logits_NK, labels_N).record(dataset.classes)
    pytorch = accuracy_from_logits(reference.float32_NK, labels_N).record(dataset.classes)
    parity = parity_of(
        logits_NK,
        reference.float32_NK,
        reference.float64_NK,
        labels_N,
        tolerance=tolerance,
        source="recorded",
        pytorch_accuracy=pytorch,
    )
    return accuracy, parity


def _latency(
    exported: ExportedNetwork,
    runner: OnnxRunner,
    split: Split,
    options: EvaluationOptions,
    tolerance: Tolerance,
    on_step: OnStep,
) -> tuple[LatencyRecord, ...]:
    if options.latency is None:
        return ()
    pytorch = _pytorch_side(exported, options.provider, runner.threads)
    records = []
    sizes = options.latency.batch_sizes
    for done, size in enumerate(sizes):
        on_step(f"latency at batch {size}", done, len(sizes))
        records.append(
            measured_latency(
                runner.logits,
                pytorch,
                np.array(split.images[np.arange(size) % len(split)]),
                options=options.latency,
                tolerance=tolerance,
                threads=runner.threads,
            )
        )
    on_step("latency", len(sizes), len(sizes))
    return tuple(records)


def _pytorch_side(exported: ExportedNetwork, provider: str, threads: int) -> LogitsFunction | None:
    if importlib.util.find_spec("torch") is None:
        log.warning("PyTorch is not installed: ONNX Runtime is timed without it")
        return None
    from evaluate.torch_runner import pytorch_logits_function

    return pytorch_logits_function(exported.trained, provider, threads)
