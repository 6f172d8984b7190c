"""The table of reduced precisions."""

from benchmarks.markdown import Measured, source_line, table

PRECISION = """\
## Reduced precision

What each variant costs and gives through ONNX Runtime's CPU provider, on the whole test split.
"Lost" are points of accuracy beside PyTorch in float32, with the p of McNemar's exact test; "times
float32" is the float32 graph's median over the variant's, from alternating blocks of one
evaluation, with its 95% interval: **below 1 the variant is slower**. The CPU provider computes
float16 in float32, with casts around; what float16 gains on a GPU is not measured yet. The networks
were trained for few epochs; ResNet-50 for three at a small rate after six at the recipe's.
"""


def precision_table(measured: Measured) -> str:
    """Return a row a variant, then what is recommended, then the targets."""
    rows = []
    for run, variants in measured["runs"].items():
        whole = variants["float32"]
        for precision, found in variants.items():
            if precision == "recommendations":
                continue
            rows.append(
                (
                    f"{run}, {found['epochs']} epochs",
                    precision,
                    f"{100 * found['correct'] / found['examples']:.2f}",
                    _lost(found),
                    f"{found['max_abs']:.2g}, {found['mean_abs']:.1e}",
                    found["flips"],
                    *(_speed(timing) for timing in found["latency"]),
                    f"{found['file_bytes'] / whole['file_bytes']:.3f}",
                    found["verdict"],
                )
            )
    sizes = [timing["batch_size"] for timing in whole["latency"]]
    header = (
        *("run", "variant", "accuracy, %", "lost, points", "difference: largest, mean", "flips"),
        *(f"times float32, batch {size}" for size in sizes),
        *("size", "verdict"),
    )
    words = {True: "reached", False: "**not reached**"}
    targets = [
        (target["name"], target["measured"], words[target["met"]]) for target in measured["targets"]
    ]
    return "\n".join(
        (
            table(header, rows),
            "What `compare --pareto` recommends:\n",
            table(("run", "batch", "take", "why"), _advice(measured)),
            "How INT8 was made:\n",
            table(("run", "ranges", "in float32", "validation: INT8, float32"), _made(measured)),
            table(("target", "measured", ""), targets),
            source_line(measured),
        )
    )


def _lost(found: Measured) -> str:
    loss = found["accuracy_loss"]
    if loss is None:
        return f"{100 * (found['pytorch_correct'] - found['correct']) / found['examples']:.2f}"
    return f"{loss['points'] + 0:.2f} (p = {loss['mcnemar_p']:.2g})"


def _speed(timing: Measured) -> str:
    if timing["float32_speedup"] is None:
        return "1"
    low, high = timing["float32_speedup_ci95"] or (None, None)
    interval = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    ratio = f"{timing['float32_speedup']:.2f}{interval}"
    return f"**{ratio}**" if timing["float32_speedup"] < 1 else ratio


def _advice(measured: Measured) -> list[tuple[object, ...]]:
    return [
        (run, advice["batch_size"], advice["take"] or "nothing", advice["why"])
        for run, variants in measured["runs"].items()
        for advice in variants["recommendations"]
    ]


def _made(measured: Measured) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for run, variants in measured["runs"].items():
        made = variants["int8"]["quantization"]
        validation = made["validation"]
        tried = "".join(f"; also {_ranges(one, validation)}" for one in made["tried_ranges"])
        kept = ", ".join(layer["layer"] for layer in made["float32_layers"])
        rows.append(
            (
                run,
                f"{_ranges(made['ranges'], validation)}{tried}",
                kept or f"none of {made['layers']} layers",
                f"{_percent(validation['correct'], validation)},"
                f" {_percent(validation['float32_correct'], validation)}",
            )
        )
    return rows


def _ranges(ranges: Measured, validation: Measured) -> str:
    at = "" if ranges["percentile"] is None else f" {ranges['percentile']:g}"
    off = "" if ranges["divergence"] is None else f", {ranges['divergence']:.1e} nats"
    return f"{ranges['method']}{at} ({_percent(ranges['correct'], validation)}{off})"


def _percent(correct: int, validation: Measured) -> str:
    return f"{100 * correct / validation['examples']:.2f}%"
