"""Everything that is measured beside what people use instead, one part after another.

    python -m benchmarks [--data-dir DIR] [--only PART ...]    # `make bench`
    python -m benchmarks --quick                               # `make bench-quick`

Each part is a module that can be started alone; here each is a process of its own, so that what one
leaves in memory disturbs no other. The full run writes `benchmarks/results/*.json` and
`benchmarks/RESULTS.md`; the quick one, on the embedded digits and with the contenders that are
installed already, shows that everything works, writes to `.bench/quick/` and proves no figure.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.environments import ready_interpreter
from benchmarks.measuring import RESULTS, ROOT, read_measurement
from benchmarks.tables import PAGE, page
from benchmarks.targets import outcome
from storage.writing import write_bytes

QUICK = ROOT / ".bench" / "quick"
ENVIRONMENTS = ("others", "keras")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module that measures, and the file that it writes.

    Attributes:
        name: for `--only`.
        module: that is started.
        result: file name of its JSON.
    """

    name: str
    module: str
    result: str


# What measures times comes first; planted faults are found as well on a busy machine.
PARTS = (
    Part(name="start-up", module="benchmarks.start_up", result="start-up.json"),
    Part(name="limit", module="benchmarks.limit", result="limit.json"),
    Part(name="harnesses", module="benchmarks.harnesses", result="harnesses.json"),
    Part(name="engines", module="benchmarks.engines", result="engines.json"),
    Part(name="quota", module="benchmarks.quota", result="quota.json"),
    Part(name="passes", module="benchmarks.evaluation_speed", result="evaluation-speed.json"),
    Part(name="exporting", module="benchmarks.exporting", result="exporting.json"),
    Part(name="training", module="benchmarks.training", result="training-speed.json"),
    Part(name="detection", module="benchmarks.detection", result="detection.json"),
)


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="ONNXPROOF_DATA",
    help="Where MNIST/raw and svhn-gray/svhn_gray.npz lie; the embedded digits take their place.",
)
@click.option("--quick", is_flag=True, help="See that everything works; measures too little.")
@click.option(
    "--only",
    type=click.Choice([part.name for part in PARTS]),
    multiple=True,
    help="Of the parts; may be given several times.",
)
def command(data_dir: Path | None, quick: bool, only: tuple[str, ...]) -> None:
    """Measure this project beside what people use instead."""
    folder = QUICK if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    if not quick:
        _install()
    options = ["--quick"] if quick else []
    if data_dir is not None:
        options += ["--data-dir", str(data_dir.resolve())]
    failed = {}
    seconds: dict[Part, float] = {}
    for part in PARTS:
        if only and part.name not in only:
            continue
        click.secho(f"{part.name}: python -m {part.module}", err=True, bold=True)
        start = time.monotonic()
        words = [sys.executable, "-m", part.module, "--out", str(folder / part.result), *options]
        if code := subprocess.run(words, cwd=ROOT, check=False).returncode:
            failed[part] = code
        seconds[part] = time.monotonic() - start
    where = QUICK / PAGE.name if quick else PAGE
    write_bytes(where, page(folder).encode())
    _tell(folder, seconds, failed)
    click.echo(where)
    if failed:
        raise SystemExit(1)


def _install() -> None:
    """Make the environments first, so that no installation stands in a measurement's time."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(partial(ready_interpreter, make=True), ENVIRONMENTS)
    for name, (python, missing) in zip(ENVIRONMENTS, found, strict=True):
        if python is None:
            click.echo(f"warning: {name} is left out: {missing[name]}", err=True)


def _tell(folder: Path, seconds: dict[Part, float], failed: dict[Part, int]) -> None:
    table = Table("part", "minutes", "target", "measured", "")
    for part, taken in seconds.items():
        minutes = f"{taken / 60:.1f}"
        if part in failed:
            table.add_row(part.name, minutes, f"ended with {failed[part]}", "", "FAILED")
            continue
        found: dict[str, Any] = read_measurement(folder / part.result)
        for target in found.get("targets") or [{}]:
            row = (str(target.get(key, "")) for key in ("name", "measured"))
            table.add_row(part.name, minutes, *row, outcome(target) if target else "")
            minutes = ""
    Console(highlight=False, width=140).print(table)


if __name__ == "__main__":
    command()
