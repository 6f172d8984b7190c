"""The table of what harnesses say one call takes."""

from typing import Any

from benchmarks.markdown import (
    Measured,
    missing_lines,
    missing_of,
    source_line,
    table,
    versions_text,
)
from benchmarks.targets import target_table

HARNESSES = """\
## Latency harnesses

The median of one call at batch 1 with one thread, as each harness reports it, each time in a fresh
process: median of its medians over the repetitions; how far they are from the mean of two bare
loops of `session.run` on the same file, right before and after (median, least and most); spread,
which is largest less smallest, in percent of the median; and the seconds of the whole process.
optimum-benchmark takes floats alone, so it has the same network without preprocessing, and a bare
loop of its own. Release 0.6 of it does not start beside optimum 2 until a name that it imports is
put back, which is done here. Ours takes seconds for more than latency: it also tries the file,
computes the accuracy, and compares each timed output with an untimed one, which none of the others
does.
"""
HABITS = {  # as each is called here: how often it runs, what it does before, what it says
    "onnxproof": (
        "at least 64 runs and 1 s",
        "5 runs and 0.2 s",
        "p50 with interval, p90 to p99, mean",
    ),
    "bare loop": ("as many as fit in 1 s", "0.2 s", "median"),
    "bare loop, floats": ("as many as fit in 1 s", "0.2 s", "median"),
    "optimum-benchmark": ("at least 10 runs and 10 s", "11 runs", "mean, p50, p90 to p99, stdev"),
    "Olive": ("20 runs", "10 runs", "mean, least, most, p50 to p99.9"),
    "Polygraphy": ("1 run; here 1,000", "none; here 10 runs", "mean; each run's time in Python"),
}


def harness_table(measured: Measured) -> str:
    """Return a row a harness and network."""
    header = (
        *("network", "harness", "median, us", "from the bare loop, %", "least to most"),
        *("spread, %", "seconds", "runs", "warms up", "reports"),
    )
    rows = [
        (
            *(model, name, f"{found['median_us']:.2f}"),
            *_differences(found),
            *(f"{found['spread_percent']:.1f}", f"{found['wall_seconds']:.1f}", *HABITS[name]),
        )
        for model, network in measured["networks"].items()
        for name, found in network["harnesses"].items()
    ]
    absent = missing_lines(missing_of(measured))
    repetitions = ", ".join(
        f"{network['repetitions']} of {model}" for model, network in measured["networks"].items()
    )
    source = f"  repetitions: {repetitions}; others: {versions_text(measured['versions'])}\n"
    targets = target_table(measured["targets"])
    return f"{table(header, rows)}\n{absent}{targets}\n{source_line(measured)}{source}"


def _differences(found: dict[str, Any]) -> tuple[str, str]:
    if "difference_percent" not in found:  # a bare loop itself
        return "", ""
    percent = found["difference_percent"]
    return f"{percent['median']:+.1f}", f"{percent['min']:+.1f} to {percent['max']:+.1f}"
