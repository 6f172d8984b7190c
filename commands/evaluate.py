"""`evaluate`: accuracy, parity, latency, provider proof, verdict."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import Precision, ReferenceSource, Scenario
from commands.evaluate_options import (
    Values,
    cluster_options,
    file_options,
    gate_options,
    refuse_options_of_files,
    session_options,
    timing_options,
)
from commands.options import (
    FiniteRange,
    data_dir_option,
    dataset_option,
    output_options,
    precision_option,
    provider_option,
    run_option,
    trust_code_option,
)
from errors import UsageError

if TYPE_CHECKING:  # at run time these load numpy and ONNX Runtime
    from evaluate.gates import Gates
    from evaluate.ray_connection import ClusterOptions
    from evaluate.timing import TimingOptions


@click.command("evaluate")
@run_option("Run to evaluate.  [default: the one trained last]")
@precision_option
@provider_option()
@session_options
@dataset_option(None)
@data_dir_option
@trust_code_option
@file_options
@click.option(
    "--reference",
    type=click.Choice(("recorded", "live")),
    default="recorded",
    show_default=True,
    help="PyTorch's logits as `export` recorded them, or computed now and held against those.",
)
@click.option("--atol", type=FiniteRange(min=0), help="Absolute tolerance of a logit.")
@click.option("--rtol", type=FiniteRange(min=0), help="Tolerance relative to PyTorch's logit.")
@click.option("--explain", is_flag=True, help="When parity fails, find the node where it begins.")
@gate_options
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fail where accuracy or latency is worse than in this earlier evaluation's JSON, by more"
    " than chance.",
)
@timing_options
@cluster_options
@output_options
def command(
    run: Path | None,
    precision: Precision,
    provider: str,
    session: Values,
    dataset: str | None,
    data_dir: Path | None,
    trust_code: bool,
    file: Values,
    reference: ReferenceSource,
    atol: float | None,
    rtol: float | None,
    explain: bool,
    gates: Values,
    baseline: Path | None,
    timing: Values,
    cluster: Values,
    as_json: bool,
) -> int:
    """Prove an exported network against PyTorch, on the provider that is asked for.

    Ends with exit code 0 where every gate held, 1 where one failed, 3 where the provider does not
    work here.

    \b
    Examples: python cli.py evaluate --provider cuda --min-accuracy 0.97
              python cli.py evaluate --onnx model.onnx --dataset mnist --input-scale 1/255
    """
    from artifacts.json_records import document_of_record
    from commands.console import print_json, show_log
    from commands.evaluation_steps import evaluate_file_step, evaluate_step
    from commands.evaluation_table import print_evaluation
    from commands.run_data import run_or_last, trust_code_of
    from commands.stuck import end_process_when_stuck
    from evaluate.evaluation import EvaluationOptions
    from evaluate.gates import Gates
    from evaluate.session_options import SessionOptions

    show_log()
    end_process_when_stuck()
    held = Gates(**gates)
    options = EvaluationOptions(
        session=SessionOptions(provider=provider, **session),
        gates=held,
        timing=_timing_options(held, **timing),
        reference=reference,
        atol=atol,
        rtol=rtol,
        explain=explain,
        cluster=_cluster_options(**cluster),
        baseline=baseline,
    )
    _require_fitting_options(file, run, dataset, reference, trust_code=trust_code)
    if file["onnx"] is None:
        directory = run_or_last(run)
        if trust_code:
            trust_code_of(directory)
        evaluation, written = evaluate_step(
            directory, options, precision=precision, dataset=dataset, data_dir=data_dir
        )
    else:
        evaluation, written = evaluate_file_step(
            options, dataset=str(dataset), data_dir=data_dir, **file
        )
    if as_json:
        print_json(document_of_record(evaluation))
    else:
        print_evaluation(evaluation, written)
    return 0 if evaluation.verdict == "pass" else 1


def _timing_options(
    gates: "Gates",
    *,
    no_latency: bool,
    scenario: Scenario,
    batch_sizes: tuple[int, ...] | None,
    min_seconds: float,
    min_samples: int | None,
    cuda_graph: bool,
) -> "TimingOptions | None":
    from evaluate.latency import MIN_SAMPLES_FOR_PERCENTILE, LatencyOptions
    from evaluate.server import DEFAULT_BOUND_MS
    from evaluate.timing import TimingOptions

    if unanswered := gates.unanswered(None if no_latency else scenario):
        how = "--no-latency" if no_latency else f"--scenario {scenario}"
        raise UsageError(unanswered[0], f"cannot be held to with {how}")
    if no_latency:
        if cuda_graph or scenario != "single-stream":
            option = "--cuda-graph" if cuda_graph else "--scenario"
            raise UsageError(option, "cannot be given with --no-latency")
        return None
    latency = LatencyOptions(batch_sizes=batch_sizes, min_seconds=min_seconds)
    if min_samples is None and gates.max_p99_ms is not None:
        min_samples = MIN_SAMPLES_FOR_PERCENTILE[99]
    if min_samples is not None:
        latency = latency.with_samples(min_samples)
    bound_ms = DEFAULT_BOUND_MS if gates.max_p99_ms is None else gates.max_p99_ms
    return TimingOptions(
        scenario=scenario, latency=latency, bound_ms=bound_ms, cuda_graph=cuda_graph
    )


def _cluster_options(*, address: str | None, workers: int | None) -> "ClusterOptions | None":
    from evaluate.ray_connection import ClusterOptions

    if address is None:
        if workers is not None:
            raise UsageError("--ray-workers", "wants --ray")
        return None
    return ClusterOptions(address=address, workers=workers)


def _require_fitting_options(
    file: Values,
    run: Path | None,
    dataset: str | None,
    reference: ReferenceSource,
    *,
    trust_code: bool,
) -> None:
    """Refuse options of runs with a file, and of files with a run."""
    if file["onnx"] is None:
        refuse_options_of_files(file)
        return
    if run is not None:
        raise UsageError("--run", "cannot be given with --onnx")
    if trust_code:
        raise UsageError("--trust-code", "wants a run: what is in an ONNX file is no code of yours")
    if reference != "recorded":
        raise UsageError("--reference", "wants a run: hold a file against --reference-onnx")
    if dataset is None:
        raise UsageError("--dataset", "is missing: --onnx does not say what to evaluate on")
