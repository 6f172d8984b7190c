"""The table of how long command lines take to answer."""

from benchmarks.markdown import Measured, missing_lines, source_line, table, versions_text
from benchmarks.targets import target_table

START_UP = """\
## Start-up

Seconds of a whole process, and how many times as long as ours it took (median, least and most of
alternating runs). No program that uses click can answer `--help` sooner than `import click`. Of ten
images ours proves the answers on each, without latency, and writes the record; `polygraphy run`
runs the same file once on random input; `yolo predict` has a network of its own. optimum-cli has
no command that runs a file.
"""


def start_up_table(measured: Measured) -> str:
    """Return a row a command line."""
    rows = [
        (
            *(what, name, f"{found['median_seconds']:.3f}"),
            f"{found['ratio_to_ours']['median']:.2f}",
            f"{found['ratio_to_ours']['min']:.2f} to {found['ratio_to_ours']['max']:.2f}",
        )
        for what, commands in measured["questions"].items()
        for name, found in commands.items()
    ]
    header = ("asked", "of", "seconds", "times ours", "least to most")
    missing = missing_lines(measured["missing"])
    source = f"{source_line(measured)}  others: {versions_text(measured['others'])}\n"
    targets = target_table(measured["targets"])
    return f"{table(header, rows)}\n{missing}{targets}\n{source}"
