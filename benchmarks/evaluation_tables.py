"""Tables of what evaluations said, and of what they cost."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.markdown import Measured, missing_lines, missing_of, source_line, table
from benchmarks.targets import target_table

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

A test split through the exported network, in batches of the same size and with as many threads:
ours for accuracy and parity against PyTorch's recorded logits, all others for accuracy alone, the
bare `session.run` calls on ready arrays without even that. How many times as long as ours each took
(median, least and most of alternating passes), and how many answers it found right. The DataLoader
way makes a PIL image of each, then ToTensor and Normalize; timm's also reads it from a PNG file;
optimum's model is given ready tensors, which is less than its users do.
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
    """Return a row a network and way, and what the whole command takes."""
    networks = measured["networks"]
    header = ("network, examples", "pass by", "seconds", "times ours", "least to most", "right")
    rows = []
    for model, network in networks.items():
        what = f"{model}, {network['examples']:,} of {network['dataset']}"
        for name, found in network["passes"].items():
            ratio = found["ratio_to_ours"]
            spread = f"{ratio['min']:.2f} to {ratio['max']:.2f}"
            seconds, right = f"{found['median_seconds']:.3f}", found["right"]
            told = "" if right is None else f"{right:,}"
            rows.append((what, name, seconds, f"{ratio['median']:.2f}", spread, told))
    commands = "".join(
        f"- the whole `evaluate --no-latency` of {model} takes {network['command']['evaluate']:.2f}"
        f" s, `import torch` {network['command']['import torch']:.2f} s\n"
        for model, network in networks.items()
        if "command" in network
    )
    absent = missing_lines(missing_of(measured))
    targets = target_table(measured["targets"]) + "\n"
    return f"{table(header, rows)}\n{absent}{targets}{commands}{source_line(measured)}"


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
