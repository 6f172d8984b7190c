"""The table of sessions under a quota."""

from benchmarks.markdown import Measured, missing_lines, source_line, table
from benchmarks.targets import target_table

QUOTA = """\
## A container with less CPU than it sees

Milliseconds of a call in a control group with a quota, as `docker --cpus` or a limit of Kubernetes
makes one; the process sees more CPUs than it may use. ONNX Runtime's defaults take a thread for
each that they see, ours for each of the quota. The mean is what counts, since the kernel stops the
whole group for the rest of each tenth of a second once the quota is used up; the median of turns of
1.5 s, and how many times as long as ours it took (median, least and most).
"""


def quota_table(measured: Measured) -> str:
    """Return a row a network, batch size and session."""
    rows = [
        (
            *(model, batch, name, network["threads"][name]),
            *(f"{timing['mean_ms']:.4g}", f"{timing['p99_ms']:.4g}"),
            "{median:.2f} ({min:.2f} to {max:.2f})".format(**timing["ratio_to_ours"]),
        )
        for model, network in measured["networks"].items()
        for batch, sessions in network["batches"].items()
        for name, timing in sessions.items()
    ]
    header = ("network", "batch", "session", "threads", "mean, ms", "p99, ms", "times ours")
    missing = missing_lines(measured["missing"])
    cpus = f"  quota of {measured['quota_cpus']}, {measured['seen_cpus']} CPUs seen\n"
    targets = target_table(measured["targets"])
    return f"{table(header, rows)}\n{missing}{targets}\n{source_line(measured)}{cpus}"
