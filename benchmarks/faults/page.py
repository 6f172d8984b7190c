"""docs/robustness.md: every fault, what comes of it, and the counts of the long run."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from benchmarks.faults.all_faults import FAULTS
from benchmarks.faults.fault import Fault
from benchmarks.markdown import Measured, source_line, table
from benchmarks.measuring import RESULTS, ROOT

PAGE = ROOT / "docs" / "robustness.md"
RAW = RESULTS / "faults.json"
DAMAGES = RESULTS / "fault-damages.json"
KILLS = RESULTS / "fault-kills.json"

INTRODUCTION = """\
# Faults and hostile files

Whatever happens to the process, the machine or the files: what was finished stays whole, what is
damaged is refused by name, nothing hangs, and no file that is read runs code.

Each row is one fault. *The bare library* is what the named call did when `python -m
benchmarks.faults raw` let the fault happen to it, in a child process with 30 seconds and 4 GiB of
memory. *onnxproof* is what the test shows. Exit code 4: the file is not what it should be; 5: the
work could not be finished. Written by `python -m benchmarks.faults page`; a test tells when it is
behind.
"""
LONG_RUN = """\
## Counts of the long runs

The same tests as in `make test`, only more of each. A traceback, a crash, a hang, an answer that
changed or a file that is neither the old nor the new one would have failed them.

{mutations:,} damaged copies of each file, in {minutes} minutes: a bit flipped, the end cut off,
bytes and numbers made extreme, parts gone, doubled or zero. *Unchanged* is the same result. Weights
and ONNX files of strangers have no checksum and no record yet: a bit that flips there makes other
weights, which are read as such, and recorded by their sha256.
"""
LONG_KILLS = """\
{kills} kills of each command, at random moments and right before its last changes of a directory,
and half as many stops and full disks, in {minutes} minutes. Then the same command again finishes.
"""


def page(raw: Measured, damages: Measured, kills: Measured) -> str:
    """Return the page in Markdown.

    Args:
        raw: what `benchmarks.faults raw` wrote.
        damages: the same of `damages`.
        kills: the same of `kills`.
    """
    areas = "\n".join(
        f"## {area[0].upper()}{area[1:]}\n\n{_faults_table(faults, raw['outcomes'])}"
        for area, faults in groupby(FAULTS, lambda fault: fault.area)
    )
    libraries = ", ".join(f"{name} {version}" for name, version in raw["libraries"].items())
    return "\n".join(
        (
            INTRODUCTION,
            areas,
            f"{source_line(raw)}  with {libraries}\n",
            LONG_RUN.format_map(damages),
            _counts_table(damages["counts"]),
            source_line(damages),
            LONG_KILLS.format_map(kills),
            _counts_table(kills["counts"]),
            source_line(kills),
        )
    )


def _faults_table(faults: Iterable[Fault], outcomes: dict[str, str]) -> str:
    header = ("fault", "the bare library", "onnxproof", "test")
    rows = (
        (
            fault.name,
            f"{_cell(fault.library)}: {_cell(outcomes[fault.name])}",
            fault.ours,
            f"`{fault.test}`",
        )
        for fault in faults
    )
    return table(header, rows)


def _counts_table(counts: dict[str, Any]) -> str:
    rows = (
        (
            name,
            f"{sum(outcomes.values()):,}",
            ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items())),
        )
        for name, outcomes in sorted(counts.items())
    )
    return table(("what", "tried", "outcomes"), rows)


def _cell(text: str) -> str:
    """Return text of a library as code, in which no character ends the cell."""
    return f"`{text.replace('|', '/').replace('`', chr(39))}`"
