"""`evaluate`: accuracy, parity, latency, provider proof, verdict."""

from pathlib import Path

import click

from artifacts.choices import Precision
from commands.options import (
    FiniteRange,
    batch_sizes_option,
    data_dir_option,
    dataset_option,
    output_options,
    precision_option,
    provider_option,
    run_option,
)
from errors import UsageError


@click.command("evaluate")
@run_option("Run to evaluate.  [default: the one trained last]")
@precision_option
@provider_option
@dataset_option(None)
@data_dir_option
@batch_sizes_option
@click.option("--no-latency", is_flag=True, help="Time nothing.")
@click.option("--min-accuracy", type=FiniteRange(min=0), help="Fail below this top-1 fraction.")
@click.option(
    "--max-accuracy-drop",
    type=FiniteRange(min=0),
    help="Fail if more percentage points are lost against PyTorch.",
)
@click.option("--atol", type=FiniteRange(min=0), help="Absolute tolerance of a logit.")
@click.option("--rtol", type=FiniteRange(min=0), help="Tolerance relative to PyTorch's logit.")
@click.option("--max-flips", type=click.IntRange(min=0), help="Fail above this many flips.")
@click.option(
    "--max-p50-ms", type=FiniteRange(min=0), help="Fail above this median at any batch size."
)
@click.option("--max-p99-ms", type=FiniteRange(min=0), help="The same for the 99th percentile.")
@click.option(
    "--min-speedup", type=FiniteRange(min=0), help="Fail below so many times PyTorch's speed."
)
@click.option(
    "--min-seconds",
    type=FiniteRange(min=0),
    default=1.0,
    show_default=True,
    help="Time each batch size at least so long.",
)
@click.option(
    "--min-samples",
    type=click.IntRange(min=1),
    help="And so many calls of it.  [default: 64; 662 with --max-p99-ms]",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 4096),
    help="Of ONNX Runtime and of PyTorch.  [default: the CPUs that this process may use]",
)
@output_options
def command(
    run: Path | None,
    precision: Precision,
    provider: str,
    dataset: str | None,
    data_dir: Path | None,
    batch_sizes: tuple[int, ...],
    no_latency: bool,
    min_accuracy: float | None,
    max_accuracy_drop: float | None,
    atol: float | None,
    rtol: float | None,
    max_flips: int | None,
    max_p50_ms: float | None,
    max_p99_ms: float | None,
    min_speedup: float | None,
    min_seconds: float,
    min_samples: int | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Prove an exported network against PyTorch, on the provider that is asked for.

    Ends with exit code 0 where every gate held, 1 where one failed, 3 where the provider does not
    work here.

    \b
    Example: python cli.py evaluate --provider cuda --min-accuracy 0.97
    """
    from commands.console import print_json, show_log
    from commands.evaluation_table import print_evaluation
    from commands.steps import evaluate_step, run_or_last
    from evaluate.evaluation import EvaluationOptions
    from evaluate.gates import Gates
    from evaluate.latency import MIN_SAMPLES_FOR_PERCENTILE, LatencyOptions

    show_log()
    gates = Gates(
        min_accuracy=min_accuracy,
        max_accuracy_drop=max_accuracy_drop,
        max_flips=max_flips,
        max_p50_ms=max_p50_ms,
        max_p99_ms=max_p99_ms,
        min_speedup=min_speedup,
    )
    if no_latency and gates.needs_latency:
        raise UsageError(gates.needs_latency[0], "cannot be held to with --no-latency")
    latency = LatencyOptions(batch_sizes=batch_sizes, min_seconds=min_seconds)
    if min_samples is None and max_p99_ms is not None:
        min_samples = MIN_SAMPLES_FOR_PERCENTILE[99]
    if min_samples is not None:
        latency = latency.with_samples(min_samples)
    directory = run_or_last(run)
    evaluation = evaluate_step(
        directory,
        EvaluationOptions(
            provider=provider,
            gates=gates,
            latency=None if no_latency else latency,
            atol=atol,
            rtol=rtol,
            threads=threads,
        ),
        precision=precision,
        dataset=dataset,
        data_dir=data_dir,
    )
    if as_json:
        print_json(evaluation.to_dict())
    else:
        print_evaluation(evaluation, directory.evaluation(precision, provider))
    return 0 if evaluation.verdict == "pass" else 1
