"""Evaluations as tables: one in full, or several networks side by side."""

from pathlib import Path

from artifacts.accuracy_records import AccuracyRecord
from artifacts.evaluation_records import (
    AccuracyLoss,
    BaselineComparison,
    EvaluatedDataset,
    Evaluation,
    ProviderProof,
)
from artifacts.parity_records import Float64Errors, LiveAgreement, ParityRecord
from commands.console import print_pairs, results
from commands.timing_lines import Pairs, timing_pairs
from commands.wide_tables import folded, print_rows

WIDEST_NETWORK = 14  # columns; a longer name goes on in the next line


def print_evaluation(evaluation: Evaluation, written: Path) -> None:
    """Print the verdict first, then what it rests on."""
    model, data, proof = evaluation.model, evaluation.dataset, evaluation.provider
    pairs = [
        ("verdict", evaluation.verdict.upper()),
        *(("", failure) for failure in evaluation.failures),
        ("examples", _examples(data)),
        ("provider", _provider(proof)),
        ("accuracy", _onnx_accuracy(evaluation.accuracy)),
        *_parity_pairs(evaluation.parity),
        *_loss_pairs(evaluation.accuracy_loss),
        *_calibration_pairs(evaluation.accuracy),
        *_explanation_pairs(evaluation),
        *timing_pairs(evaluation),
        *_baseline_pairs(evaluation.baseline),
        ("written", str(written)),
    ]
    print_pairs(f"{model.name} {model.precision} on {proof.requested}", pairs)


def print_networks(evaluations: list[Evaluation], title: str) -> None:
    """Print one row a network, and below the table why a verdict failed."""
    sizes = sorted({timing.batch_size for e in evaluations for timing in e.latency})
    rows = [_network_cells(evaluation, sizes) for evaluation in evaluations]
    headings = (
        *("network", "parameters", "PyTorch %\n95% CI", "ONNX %\n95% CI", "largest\ndiff", "flips"),
        *(f"p50 ms\nbatch {size}" for size in sizes),
        "verdict",
    )
    results.print(title, markup=False, emoji=False, soft_wrap=True)
    print_rows(headings, rows, texts=("network", "verdict"), names=("network",))
    for evaluation in evaluations:
        for failure in evaluation.failures:
            results.print(f"{evaluation.model.name}: {failure}", markup=False, soft_wrap=True)


def _network_cells(evaluation: Evaluation, batch_sizes: list[int]) -> list[list[str]]:
    parity = evaluation.parity
    assert parity is not None  # a run has a reference
    assert parity.pytorch_accuracy is not None  # and was trained, with labels
    assert evaluation.accuracy is not None
    medians = {timing.batch_size: timing.p50_ms for timing in evaluation.latency}
    return [
        folded(evaluation.model.name, WIDEST_NETWORK),
        [f"{evaluation.model.parameters:,}"],
        _two_lines(parity.pytorch_accuracy),
        _two_lines(evaluation.accuracy),
        ["none" if parity.max_abs is None else f"{parity.max_abs:.1e}"],
        [str(parity.flips)],
        *([f"{medians[size]:.3f}" if size in medians else "none"] for size in batch_sizes),
        [evaluation.verdict],
    ]


def _accuracy(accuracy: AccuracyRecord) -> str:
    low, high = (100 * bound for bound in accuracy.ci95)
    return (
        f"{100 * accuracy.top1:.2f}% ({accuracy.correct} of {accuracy.examples};"
        f" 95% CI {low:.2f}-{high:.2f})"
    )


def _examples(data: EvaluatedDataset) -> str:
    what = f"all of {data.name}'s {data.split} split" if data.labelled else f"all of {data.name}"
    return f"{data.examples:,}, {what}"


def _onnx_accuracy(accuracy: AccuracyRecord | None) -> str:
    if accuracy is None:
        return "not measured: the images have no labels"
    return f"ONNX {_accuracy(accuracy)}"


def _calibration_pairs(accuracy: AccuracyRecord | None) -> Pairs:
    if accuracy is None:
        return []
    error = accuracy.expected_calibration_error
    if error is None:
        return [("calibration", "not measured: logits are not finite")]
    return [("calibration", f"confidence is off by {100 * error:.2f} points on average (ECE)")]


def _two_lines(accuracy: AccuracyRecord) -> list[str]:
    low, high = (100 * bound for bound in accuracy.ci95)
    return [f"{100 * accuracy.top1:.2f}", f"{low:.1f}-{high:.1f}"]


def _provider(proof: ProviderProof) -> str:
    nodes = ", ".join(f"{count} on {name}" for name, count in proof.nodes.items())
    text = f"{proof.requested}; nodes: {nodes}"
    if proof.copies:
        text += f"; {proof.copies} copies between devices"
    if proof.tf32 is not None:
        text += f"; TF32 {'on' if proof.tf32 else 'off'} on both sides"
    return text


def _parity_pairs(parity: ParityRecord | None) -> Pairs:
    if parity is None:
        return [("parity", "not checked: there is no reference; --reference-onnx names one")]
    return [
        *_reference_pairs(parity),
        ("parity", _parity(parity)),
        *([("live", _live(parity.live))] if parity.live else []),
        ("flips", f"{parity.flips}, of which unexplained {parity.unexplained_flips}"),
        *([("float64", _float64(parity.float64))] if parity.float64 else []),
    ]


def _reference_pairs(parity: ParityRecord) -> Pairs:
    if parity.pytorch_accuracy is None:  # nor McNemar's test: there are no labels
        return []
    name = "reference" if parity.reference == "onnx" else "PyTorch"
    return [
        ("", f"{name} {_accuracy(parity.pytorch_accuracy)}"),
        ("McNemar", f"p = {parity.mcnemar_p:.3g}"),
    ]


def _loss_pairs(loss: AccuracyLoss | None) -> Pairs:
    if loss is None:
        return []
    if loss.points > 0:
        chance = "more than chance" if loss.more_than_chance else "no more than chance"
        what = f"{loss.points:.2f} points lost beside the reference, {chance}"
    else:
        what = "no accuracy lost beside the reference"
    return [
        (
            "reduced",
            f"{what}: {loss.only_reference} images only right there, {loss.only_onnx} only here",
        )
    ]


def _float64(errors: Float64Errors) -> str:
    return (
        f"off by up to {errors.onnx_max_abs:.2g} (ONNX)"
        f" and {errors.pytorch_max_abs:.2g} (PyTorch float32)"
    )


def _live(live: LiveAgreement) -> str:
    if live.max_abs is None:
        return "PyTorch's logits of now are not all finite"
    agrees = "agrees" if live.within_tolerance else "does not agree"
    return f"PyTorch of now {agrees} with the recorded one: largest difference {live.max_abs:.2g}"


def _parity(parity: ParityRecord) -> str:
    if parity.max_abs is None:
        return f"{parity.nonfinite} logits are not finite"
    return (
        f"largest logit difference {parity.max_abs:.2g}, mean {parity.mean_abs:.2g}"
        f" (tolerance {parity.tolerance}: atol {parity.atol:g}, rtol {parity.rtol:g})"
    )


def _explanation_pairs(evaluation: Evaluation) -> Pairs:
    parity, explanation = evaluation.parity, evaluation.explanation
    if explanation is None:
        if parity is None or parity.within_tolerance:
            return []
        return [("explanation", "--explain finds the node where the difference begins")]
    against = "PyTorch" if explanation.against == "pytorch" else "the same graph, unoptimized"
    if explanation.node is None and explanation.compared == 0:
        return [
            (
                "explanation",
                "no value inside the graph can be compared: INT8 has others; what each layer costs"
                " is in export.json",
            )
        ]
    if explanation.node is None:
        return [("explanation", f"no node departs from {against}")]
    by = "" if explanation.max_abs is None else f" by {explanation.max_abs:.2g}"
    module = f" (module {explanation.module})" if explanation.module else ""
    pairs = [
        (
            "explanation",
            f"{explanation.op_type} {explanation.node}{module} is the first to depart from"
            f" {against}{by}",
        )
    ]
    if explanation.not_compared:
        between = ", ".join(explanation.not_compared)
        pairs.append(("", f"or one before it that has no counterpart: {between}"))
    return pairs


def _accuracy_change(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return "accuracy is not compared"
    low, high = (100 * bound for bound in interval)
    return f"accuracy changed by {low:+.2f} to {high:+.2f} points (95% interval)"


def _baseline_pairs(baseline: BaselineComparison | None) -> Pairs:
    if baseline is None:
        return []
    pairs = [("baseline", _accuracy_change(baseline.accuracy_change_ci95))]
    for change in baseline.latency:
        what = "median, ms" if change.of == "p50_ms" else "times PyTorch"
        verdict = "worse" if change.worse else "not worse"
        pairs.append(
            (
                "",
                f"batch {change.batch_size}: {what} {change.now:.3f}, was {change.baseline:.3f}:"
                f" {verdict}",
            )
        )
    return pairs + [("", f"not compared: {reason}") for reason in baseline.not_compared]
