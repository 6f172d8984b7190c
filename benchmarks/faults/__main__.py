"""What bare libraries do with every fault, what onnxproof does, and the page of both.

    python -m benchmarks.faults raw        # each fault happens to a bare library: minutes
    python -m benchmarks.faults damages    # thousands of damaged files: half an hour
    python -m benchmarks.faults kills      # commands killed and stopped, full disks: as long
    python -m benchmarks.faults page       # docs/robustness.md, of what the other three found

`make faults` runs all four.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from artifacts.environment import installed_versions
from benchmarks.faults.all_faults import FAULTS
from benchmarks.faults.fault import outcome_of
from benchmarks.faults.page import DAMAGES, KILLS, PAGE, RAW, page
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
def damages(mutations: int) -> None:
    """Run tests/robustness/test_damaged_*.py with many damages, and keep the counts if all pass."""
    _counted(DAMAGES, _tests(are_damages=True), {"mutations": mutations})


@faults.command()
@click.option("--kills", type=int, default=50, show_default=True, help="Of each command.")
def kills(kills: int) -> None:
    """Run the other tests of tests/robustness with many kills, and keep the counts if all pass."""
    _counted(KILLS, _tests(are_damages=False), {"kills": kills})


@faults.command(name="page")
def write_page() -> None:
    """Write docs/robustness.md."""
    write_bytes(PAGE, page(*map(read_measurement, (RAW, DAMAGES, KILLS))).encode())


def _tests(*, are_damages: bool) -> list[str]:
    files = sorted((ROOT / "tests" / "robustness").glob("test_*.py"))
    return [str(path) for path in files if path.stem.startswith("test_damaged_") is are_damages]


def _counted(result: Path, tests: list[str], size: dict[str, int]) -> None:
    head = measurement_head()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as directory:
        counts = Path(directory, "counts.json")
        options = [f"--{name}={number}" for name, number in size.items()]
        command = [sys.executable, "-m", "pytest", *tests, *options, f"--counts={counts}"]
        if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
            raise SystemExit(code)
        minutes = round((time.monotonic() - started) / 60)
        found = size | {"minutes": minutes, "counts": read_measurement(counts)}
    write_measurement(result, head | found)


if __name__ == "__main__":
    faults()
