"""Tables of what evaluations said, and of what they cost."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.markdown import Measured, source_line, table

EVALUATIONS = """\
## Evaluations

What `evaluate --provider cpu` says of six networks, each on the whole test split. The accuracy is
ONNX Runtime's with its 95% interval; "difference" is the largest between its logits and PyTorch's,
and beside it how far each of the two is from PyTorch in float64. Latency is the median at the host
boundary, and how many times PyTorch's speed that is, with the 95% bootstrap interval of the ratio.
The networks were trained for few epochs: what a recipe reaches is told above.
"""
COST = """\
## What the proof costs

The pass for accuracy and parity beside the bare `session.run` calls in batches of the same size;
the harness' median at batch 1 beside that of a bare loop; the whole command, with the recorded
reference and without latency, beside `python -c "import torch"`. Wanted: at most 1.15 times; within
2% or 2 microseconds; less.
"""
MEMORY = """\
## Memory of an evaluation

Largest resident memory of `evaluate --no-latency` as the test split grows: MNIST's own images,
again and again.
"""


def evaluation_table(files: Sequence[Measured]) -> str:
    """Return a row an evaluation."""
    header = (
        *("network", "verdict", "ONNX, %", "PyTorch, %", "flips", "difference"),
        *("float64: ONNX, PyTorch", "ECE, %", *(f"batch {size}, ms" for size in _sizes(files))),
    )
    rows = [_evaluation_row(measured) for measured in files]
    sources = dict.fromkeys(source_line(measured) for measured in files)  # one command made several
    return table(header, rows) + "\n" + "".join(sources)


def _sizes(files: Iterable[Measured]) -> list[int]:
    return sorted(
        {t["batch_size"] for measured in files for t in measured["evaluation"]["latency"]}
    )


def _evaluation_row(measured: Measured) -> tuple[object, ...]:
    evaluation = measured["evaluation"]
    accuracy, parity = evaluation["accuracy"], evaluation["parity"]
    low, high = (100 * bound for bound in accuracy["ci95"])
    truth = parity["float64"]
    return (
        measured["name"].removesuffix(f"-{evaluation['provider']['requested']}"),
        evaluation["verdict"],
        f"{100 * accuracy['top1']:.2f} ({low:.2f} to {high:.2f})",
        f"{100 * parity['pytorch_accuracy']['top1']:.2f}",
        parity["flips"],
        f"{parity['max_abs']:.1e}",
        f"{truth['onnx_max_abs']:.1e}, {truth['pytorch_max_abs']:.1e}",
        f"{100 * accuracy['expected_calibration_error']:.1f}",
        *(_latency_cell(timing) for timing in evaluation["latency"]),
    )


def _latency_cell(timing: dict[str, Any]) -> str:
    low, high = timing["speedup_ci95"] or (None, None)
    interval = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    return f"{timing['p50_ms']:.3f}, {timing['speedup']:.2f}{interval}"


def cost_table(measured: Measured) -> str:
    """Return a row a network."""
    header = (
        *("run", "bare, s", "pass, s", "times bare", "least to most"),
        *("bare loop, us", "harness, us", "import torch, s", "evaluate, s"),
    )
    rows = []
    for name, run in measured["runs"].items():
        once, harness, command = run["pass"], run["harness"], run["command"]
        ratio = once["ratio"]
        rows.append(
            (
                name,
                f"{once['bare_seconds']:.4f}",
                f"{once['pass_seconds']:.4f}",
                f"{ratio['median']:.2f}",
                f"{ratio['min']:.2f} to {ratio['max']:.2f}",
                f"{harness['bare_median_us']:.2f}",
                f"{harness['harness_median_us']:.2f}",
                f"{command['import torch_seconds']:.2f}",
                f"{command['evaluate_seconds']:.2f}",
            )
        )
    return table(header, rows) + "\n" + source_line(measured)


def memory_table(measured: Measured) -> str:
    """Return a row a size of the split."""
    header = ("examples", "images, MB", "reference, MB", "largest resident memory, MB")
    rows = [
        (
            f"{split['examples']:,}",
            f"{split['image_mb']:.0f}",
            f"{split['reference_mb']:.0f}",
            f"{split['peak_rss_mb']:.0f}",
        )
        for split in measured["splits"]
    ]
    return table(header, rows) + "\n" + source_line(measured)
