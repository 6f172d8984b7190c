"""What bare libraries do with every fault, what onnxproof does, and the page of both.

    python -m benchmarks.faults raw      # each fault happens to a bare library: minutes
    python -m benchmarks.faults count    # thousands of damaged files and killed commands: an hour
    python -m benchmarks.faults page     # docs/robustness.md, of what the other two found

`make faults` runs all three.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import click

from artifacts.environment import installed_versions
from benchmarks.faults.all_faults import FAULTS
from benchmarks.faults.fault import outcome_of
from benchmarks.faults.page import COUNTS, PAGE, RAW, page
from benchmarks.measuring import ROOT, measurement_head, read_measurement, write_measurement
from storage.writing import write_bytes

LIBRARIES = (
    *("numpy", "scipy", "pillow", "torch", "torchvision", "safetensors", "onnx"),
    *("onnxruntime-gpu", "onnxruntime", "fastapi", "uvicorn"),
)


@click.group()
def faults() -> None:
    """Try every fault on bare libraries and on onnxproof."""


@faults.command()
def raw() -> None:
    """Let each fault happen to a bare library, in a child with limits."""
    outcomes = {}
    for number, fault in enumerate(FAULTS, start=1):
        outcomes[fault.name] = outcome_of(fault)
        click.echo(f"{number}/{len(FAULTS)} {fault.name}: {outcomes[fault.name]}", err=True)
    found = {"libraries": installed_versions(LIBRARIES), "outcomes": outcomes}
    write_measurement(RAW, measurement_head() | found)


@faults.command()
@click.option("--mutations", type=int, default=600, show_default=True, help="Of each file.")
@click.option("--kills", type=int, default=50, show_default=True, help="Of each command.")
def count(mutations: int, kills: int) -> None:
    """Run tests/robustness with many damages and kills, and keep the counts if all pass."""
    head = measurement_head()
    started = time.monotonic()
    sizes = ("--mutations", str(mutations), "--kills", str(kills))
    files = set((ROOT / "tests" / "robustness").glob("test_*.py"))
    damages = {path for path in files if path.stem.startswith("test_damaged_")}
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as directory:
        # Side by side: what kills commands waits for them most of the time.
        counts = [Path(directory, f"{name}.json") for name in ("damages", "processes")]
        running = [
            subprocess.Popen(_tests_of(part, sizes, path), cwd=ROOT)
            for part, path in zip((damages, files - damages), counts, strict=True)
        ]
        if codes := [code for process in running if (code := process.wait())]:
            raise SystemExit(max(codes))
        found = {
            "mutations": mutations,
            "kills": kills,
            "minutes": round((time.monotonic() - started) / 60),
            "counts": {
                name: one for path in counts for name, one in read_measurement(path).items()
            },
        }
    write_measurement(COUNTS, head | found)


@faults.command(name="page")
def write_page() -> None:
    """Write docs/robustness.md."""
    write_bytes(PAGE, page(read_measurement(RAW), read_measurement(COUNTS)).encode())


def _tests_of(files: set[Path], sizes: Iterable[str], counts: Path) -> list[str]:
    return [sys.executable, "-m", "pytest", *map(str, sorted(files)), *sizes, f"--counts={counts}"]


if __name__ == "__main__":
    faults()
