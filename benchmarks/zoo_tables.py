"""The table of the sweep over a library's networks."""

from typing import Any

from benchmarks.markdown import Measured, table

ZOO = """\
## Every network of torchvision, and twenty of timm

Each with random weights, in a process of its own: exported with a dynamic batch, run at batch sizes
1 and 3 through ONNX Runtime's CPU provider, and held to the same parity rules as `evaluate`, which
refuse logits that do not depend on the image. So weights that make them alike are given other
values (`benchmarks/random_network.py`): zero last layers of vision transformers, ConvNeXt's factors
of 1e-6. "Difference" is the largest between a logit of PyTorch's and of ONNX Runtime's, relative to
the largest logit. The seconds are those of a machine that did other work too.
"""


def zoo_table(measured: Measured) -> str:
    """Return a row a network, and how many passed."""
    rows = measured["rows"]
    header = (
        *("network", "side", "parameters", "ONNX, MB", "nodes"),
        *("export, s", "all, s", "difference", "verdict"),
    )
    passed = [row for row in rows if row["verdict"] == "pass"]
    worst = max(passed, key=lambda row: row["max_abs_over_largest_logit"], default=None)
    summary = f"{measured['name']}: {len(passed)} of {len(rows)} pass"
    if worst:
        summary += (
            f"; largest difference {worst['max_abs_over_largest_logit']:.1e} ({worst['name']})"
        )
    return f"{summary}.\n\n{table(header, map(_row, rows))}\n{_source(measured)}"


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    if row["verdict"] == "error":
        return (row["name"], *[""] * 7, f"error: {row['failures'][0]}")
    return (
        row["name"],
        row["image_size"],
        f"{row['parameters']:,}",
        f"{row['onnx_bytes'] / 1e6:.1f}",
        row["nodes"],
        f"{row['seconds']['export']:.0f}",
        f"{sum(row['seconds'].values()):.0f}",
        "none"
        if row["max_abs_over_largest_logit"] is None
        else f"{row['max_abs_over_largest_logit']:.1e}",
        "; ".join([row["verdict"], *row["failures"]]),
    )


def _source(measured: Measured) -> str:
    """Return command, commits, versions, machine and date; rows may be of several commits."""
    commits = sorted({row["commit"][:7] for row in measured["rows"]})
    environment, versions = measured["environment"], measured["versions"]
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"- `{measured['command']}`: commit {', '.join(commits)}; {named}; CPU"
        f" {environment['cpu']}, {environment['cpus']} usable, {environment['date'][:10]}\n"
    )
