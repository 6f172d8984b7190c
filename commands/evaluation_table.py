"""Evaluations as tables: one in full, or several networks side by side."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from artifacts.evaluation_records import AccuracyRecord, Evaluation, LatencyRecord
from commands.console import print_pairs, results


def print_evaluation(evaluation: Evaluation, written: Path) -> None:
    """Print the verdict first, then what it rests on."""
    model, data, parity = evaluation.model, evaluation.dataset, evaluation.parity
    pairs = [
        ("verdict", evaluation.verdict.upper()),
        *(("", failure) for failure in evaluation.failures),
        ("examples", f"{data.examples:,}, all of {data.name}'s {data.split} split"),
        ("provider", _provider(evaluation)),
        ("accuracy", f"ONNX {_accuracy(evaluation.accuracy)}"),
        ("", f"PyTorch {_accuracy(parity.pytorch_accuracy)}"),
        ("calibration", _calibration(evaluation.accuracy)),
        ("McNemar", f"p = {parity.mcnemar_p:.3g}"),
        ("parity", _parity(evaluation)),
        ("flips", f"{parity.flips}, of which unexplained {parity.unexplained_flips}"),
    ]
    if parity.float64 is not None:
        pairs.append(
            (
                "float64",
                f"off by up to {parity.float64.onnx_max_abs:.2g} (ONNX)"
                f" and {parity.float64.pytorch_max_abs:.2g} (PyTorch float32)",
            )
        )
    pairs += [(f"batch {timing.batch_size}", _latency(timing)) for timing in evaluation.latency]
    pairs.append(("written", str(written)))
    print_pairs(f"{model.name} {model.precision} on {evaluation.provider.requested}", pairs)


def networks_table(evaluations: list[Evaluation]) -> Table:
    """Return one row a network; fits 80 columns."""
    sizes = sorted({timing.batch_size for e in evaluations for timing in e.latency})
    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    table.add_column("network")
    table.add_column("parameters", justify="right")
    for side in ("PyTorch", "ONNX"):
        table.add_column(f"{side} %\n95% CI", justify="right")
    table.add_column("largest\ndiff", justify="right")
    table.add_column("flips", justify="right")
    for size in sizes:
        table.add_column(f"p50 ms\nbatch {size}", justify="right")
    table.add_column("verdict")
    for evaluation in evaluations:
        parity = evaluation.parity
        medians = {timing.batch_size: timing.p50_ms for timing in evaluation.latency}
        table.add_row(
            evaluation.model.name,
            f"{evaluation.model.parameters:,}",
            _two_lines(parity.pytorch_accuracy),
            _two_lines(evaluation.accuracy),
            "none" if parity.max_abs is None else f"{parity.max_abs:.1e}",
            str(parity.flips),
            *(f"{medians[size]:.3f}" if size in medians else "none" for size in sizes),
            evaluation.verdict,
        )
    return table


def print_networks(evaluations: list[Evaluation], title: str) -> None:
    """Print one row a network, and below the table why a verdict failed."""
    table = networks_table(evaluations)
    results.print(title, markup=False, emoji=False, soft_wrap=True)
    results.print(table)
    for evaluation in evaluations:
        for failure in evaluation.failures:
            results.print(f"{evaluation.model.name}: {failure}", markup=False, soft_wrap=True)


def _accuracy(accuracy: AccuracyRecord) -> str:
    low, high = (100 * bound for bound in accuracy.ci95)
    return (
        f"{100 * accuracy.top1:.2f}% ({accuracy.correct} of {accuracy.examples};"
        f" 95% CI {low:.2f}-{high:.2f})"
    )


def _calibration(accuracy: AccuracyRecord) -> str:
    error = accuracy.expected_calibration_error
    if error is None:
        return "not measured: logits are not finite"
    return f"confidence is off by {100 * error:.2f} points on average (ECE)"


def _two_lines(accuracy: AccuracyRecord) -> str:
    low, high = (100 * bound for bound in accuracy.ci95)
    return f"{100 * accuracy.top1:.2f}\n{low:.1f}-{high:.1f}"


def _provider(evaluation: Evaluation) -> str:
    nodes = ", ".join(f"{count} on {name}" for name, count in evaluation.provider.nodes.items())
    return f"{evaluation.provider.requested}; nodes: {nodes}"


def _parity(evaluation: Evaluation) -> str:
    parity = evaluation.parity
    if parity.max_abs is None:
        return f"{parity.nonfinite} logits are not finite"
    return (
        f"largest logit difference {parity.max_abs:.2g}, mean {parity.mean_abs:.2g}"
        f" (tolerance {parity.tolerance}: atol {parity.atol:g}, rtol {parity.rtol:g})"
    )


def _latency(timing: LatencyRecord) -> str:
    text = f"median {timing.p50_ms:.3f} ms, {timing.images_per_second:,.0f} images/s"
    if timing.p90_ms is not None:
        text += f", p90 {timing.p90_ms:.3f} ms"
    if timing.pytorch is not None:
        text += f"; PyTorch {timing.pytorch.p50_ms:.3f} ms ({timing.speedup:.2f} times)"
    return text if timing.stable else f"{text}; not stable"
