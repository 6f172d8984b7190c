"""An evaluation from start to record: what `evaluate` does once the options are read."""

import functools
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from artifacts.choices import ReferenceSource
from artifacts.environment import conflict_of_packages, current_environment
from artifacts.evaluation_records import (
    BatchIndependence,
    EvaluatedDataset,
    Evaluation,
    Explanation,
    ProviderProof,
)
from artifacts.json_records import write_record
from artifacts.logits import IntermediateValues
from artifacts.parity_records import ParityRecord
from data import Dataset
from evaluate.accuracy_loss import loss_of
from evaluate.baseline import compared_with_baseline, read_baseline, settled_comparison
from evaluate.batch_independence import batch_independence
from evaluate.evidence import Evidence, Timings
from evaluate.gates import Gates, failures_of
from evaluate.graph_input import logits_function
from evaluate.limit import beside_the_limit
from evaluate.machine_state import MachineWatch
from evaluate.onnx_runtime import OnnxRunner
from evaluate.opening import Opened, opened_subject
from evaluate.parity import without_labels
from evaluate.passes import OnStep, PassSums
from evaluate.ray_connection import ClusterOptions
from evaluate.session_options import GPU_PROVIDERS, SessionOptions
from evaluate.subject import Subject
from evaluate.timing import TimingOptions, timings
from evaluate.whole_split import pass_batch_size, sums_of_split

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What the user decides about an evaluation.

    Attributes:
        session: provider, its options, threads.
        gates: what is wanted beyond parity.
        timing: None times nothing.
        reference: PyTorch's logits as recorded, or computed now.
        atol: of the tolerance, instead of the named one's.
        rtol: the same.
        explain: when parity fails, find the node where it begins.
        cluster: where to compute the pass; None: in this process.
        baseline: an earlier evaluation's file.
    """

    session: SessionOptions = field(default_factory=SessionOptions)
    gates: Gates = field(default_factory=Gates)
    timing: TimingOptions | None = field(default_factory=TimingOptions)
    reference: ReferenceSource = "recorded"
    atol: float | None = None
    rtol: float | None = None
    explain: bool = False
    cluster: ClusterOptions | None = None
    baseline: Path | None = None


def evaluate(
    subject: Subject,
    dataset: Dataset,
    options: EvaluationOptions,
    *,
    pytorch_values: IntermediateValues | None = None,
    on_step: OnStep,
    command: str,
) -> tuple[Evaluation, Path]:
    """Prove one ONNX file on one provider; write the evaluation and return it with its path.

    Args:
        subject: the file, and what it is held against.
        dataset: whose whole test split is evaluated.
        options: what the user decides.
        pytorch_values: what an explanation compares with; None: the graph itself, on the CPU.
        on_step: is told how it goes on.
        command: for the record.

    Raises:
        UnusableError: the provider does not work here; nothing is written then.
        UsageError: an option does not fit the graph or the provider.
        ArtifactError: the reference or the baseline is damaged, or is not of these examples.
        DatasetError: a label is no class of the model.
        UnfinishedError: ONNX Runtime could not run the graph, or the disk is full.
    """
    environment = current_environment()
    if conflict := conflict_of_packages(environment.versions):
        log.warning("%s", conflict)
    watch = MachineWatch(gpu=options.session.provider in GPU_PROVIDERS)
    opened = opened_subject(subject, dataset, options.session, atol=options.atol, rtol=options.rtol)
    evaluated = _evaluated_dataset(dataset)
    # Read first: who names a wrong file is told at once.
    earlier = read_baseline(options.baseline, evaluated) if options.baseline else None
    evidence = _evidence(opened, options, on_step)
    if earlier:
        evidence = _beside(earlier, evidence, opened, options, on_step)
    failures = failures_of(evidence, options.gates)
    machine = watch.state()  # before the limit, which takes memory of its own
    limited = beside_the_limit(opened, evidence.timings.latency, on_step)
    evaluation = Evaluation(
        verdict="fail" if failures else "pass",
        failures=failures,
        model=subject.model,
        dataset=evaluated,
        provider=evidence.provider,
        input=opened.form,
        output=opened.output,
        accuracy=evidence.accuracy if evidence.labelled else None,
        parity=evidence.parity,
        accuracy_loss=evidence.loss,
        shown=evidence.shown,
        batch_independence=evidence.independence,
        explanation=_explanation(opened, evidence.parity, options, pytorch_values),
        scenario=options.timing.scenario if options.timing else None,
        latency=limited.latency,
        offline=evidence.timings.offline,
        server=evidence.timings.server,
        limit=limited.limit,
        limit_missing=limited.missing,
        load_ms=opened.runner.load_ms,
        baseline=evidence.baseline,
        reference_sha256=subject.reference_sha256,
        reference_external_data=subject.reference_external_data,
        machine=machine,
        environment=environment,
        command=command,
    )
    path = subject.run.evaluation(subject.model.precision, options.session.provider)
    write_record(path, evaluation)
    return evaluation, path


def _evidence(opened: Opened, options: EvaluationOptions, on_step: OnStep) -> Evidence:
    sums = sums_of_split(opened, options.cluster, on_step)
    names = _class_names(opened.dataset, len(sums.onnx.low_K))
    return Evidence(
        provider=_proof(opened.runner),
        full_name=opened.runner.full_name,
        labelled=opened.dataset.labelled,
        parity=_parity(opened, sums, names),
        loss=loss_of(opened, sums.parity, options.gates.max_accuracy_drop),
        independence=_independence(opened),
        fixed_batch=opened.form.batch if opened.subject.trained else None,
        accuracy=sums.onnx.record(names),
        shown=sums.shown.record(
            labelled=opened.dataset.labelled, softmaxed=opened.output.probabilities
        ),
        timings=_timings(opened, options, on_step),
    )


def _beside(
    earlier: tuple[Evaluation, str],
    evidence: Evidence,
    opened: Opened,
    options: EvaluationOptions,
    on_step: OnStep,
) -> Evidence:
    """Return the evidence with what became worse, latencies measured again where they did."""
    compare = functools.partial(
        compared_with_baseline,
        *earlier,
        accuracy=evidence.accuracy if evidence.labelled else None,
        environment=current_environment(),
        provider=options.session.provider,
    )
    latency, baseline = settled_comparison(
        evidence.timings.latency,
        compare=lambda latency: compare(latency=latency),
        measure_again=lambda: _timings(opened, options, on_step).latency,
    )
    timings = replace(evidence.timings, latency=tuple(latency))
    return replace(evidence, timings=timings, baseline=baseline)


def _parity(opened: Opened, sums: PassSums, names: tuple[str, ...]) -> ParityRecord | None:
    reference = opened.subject.reference
    if reference is None or sums.parity is None or sums.reference is None:
        return None
    record = sums.parity.record(
        tolerance=opened.tolerance,
        source=reference.source,
        reference=sums.reference,
        reference_record=sums.reference.record(names),
        live=sums.live.record() if sums.live else None,
    )
    return record if opened.dataset.labelled else without_labels(record)


def _independence(opened: Opened) -> BatchIndependence | None:
    return batch_independence(
        logits_function(opened.runner, opened.form, opened.output),
        opened.dataset.test.images,
        batch_size=pass_batch_size(opened),
        tolerance=opened.tolerance,
    )


def _explanation(
    opened: Opened,
    parity: ParityRecord | None,
    options: EvaluationOptions,
    pytorch_values: IntermediateValues | None,
) -> Explanation | None:
    """Return where the difference begins, where there is one and that was asked."""
    if not options.explain or parity is None or parity.within_tolerance:
        return None
    from evaluate.departure import explained

    return explained(
        opened.subject.onnx,
        opened.runner.asked,
        opened.form,
        opened.output,
        opened.tolerance,
        images=opened.dataset.test.images,
        worst_index=parity.worst_index,
        pytorch_values=pytorch_values,
    )


def _timings(opened: Opened, options: EvaluationOptions, on_step: OnStep) -> Timings:
    if options.timing is None:
        return Timings()
    return timings(opened, options.timing, on_step)


def _proof(runner: OnnxRunner) -> ProviderProof:
    asked = runner.asked
    return ProviderProof(
        requested=asked.provider,
        session=runner.session_providers,
        nodes=runner.nodes,
        copies=runner.copies,
        options=asked.all_provider_options,
        cpu_nodes_allowed=asked.allow_cpu_nodes,
        tf32=asked.tf32 if asked.provider in GPU_PROVIDERS else None,
    )


def _evaluated_dataset(dataset: Dataset) -> EvaluatedDataset:
    return EvaluatedDataset(
        name=dataset.name,
        split="test",
        examples=len(dataset.test),
        labelled=dataset.labelled,
        sha256=dataset.sha256,
        split_sha256=dataset.test.sha256,
    )


def _class_names(dataset: Dataset, classes: int) -> tuple[str, ...]:
    """Return a name for each logit; a graph may have more classes than the dataset names."""
    names = dataset.classes[:classes]
    return (*names, *(str(number) for number in range(len(names), classes)))
