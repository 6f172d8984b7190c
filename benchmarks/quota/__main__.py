"""A container with less CPU than it sees: ONNX Runtime's defaults beside ours.

    python -m benchmarks.quota [--data-dir DIR]

A control group with a quota of half of the usable CPUs, as Docker's --cpus and Kubernetes' limits
make one: the process still sees all of them. ONNX Runtime's defaults count those that it sees, and
its threads wait for one another in a spin that is paid from the quota; ours counts the quota. Where
the kernel stops a group for the rest of its tenth of a second, a median sees nothing; so what is
compared is the mean of the calls, and p99 stands beside it. Needs the right to make control groups.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from artifacts.environment import usable_cpus
from benchmarks.child import Child, MissingContenderError
from benchmarks.engines.networks import Workload, write_network
from benchmarks.engines.opened import DEFAULTS, OURS
from benchmarks.measuring import (
    RESULTS,
    alternating_seconds,
    load_of_machine,
    measurement_head,
    ratio_summary,
    write_measurement,
)
from benchmarks.quota.group import group_with_quota
from benchmarks.workload_data import embedded_digits, mnist_or_digits, svhn_gray_or_digits

Result = dict[str, Any]
SECONDS_A_TURN = 1.5  # fifteen of the kernel's periods
CLEARLY_FASTER = 1.2


@click.command()
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path))
@click.option("--quick", is_flag=True, help="An MLP on the digits, once.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "quota.json")
def command(data_dir: Path | None, quick: bool, out: Path) -> None:
    """Measure and write the JSON."""
    head = measurement_head() | load_of_machine()
    quota = max(1, usable_cpus() // 2)
    networks: dict[str, Result] = {}
    missing: dict[str, str] = {}
    try:
        with group_with_quota(quota) as group:
            for workload in _quick_workloads() if quick else _workloads(data_dir):
                networks[workload.model] = _measured(workload, group)
    except (MissingContenderError, OSError) as error:
        missing["quota"] = f"{error}"
    found = {"quota_cpus": quota, "seen_cpus": usable_cpus(), "missing": missing}
    targets = [judged(networks)]
    write_measurement(out, head | found | {"networks": networks, "targets": targets})


def _workloads(data_dir: Path | None) -> tuple[Workload, ...]:
    mnist, svhn = mnist_or_digits(data_dir), svhn_gray_or_digits(data_dir)
    return (
        Workload(model="mlp", data=mnist, batch_sizes=(1, 32, 256), rounds=5),
        Workload(model="lenet5", data=mnist, batch_sizes=(1, 32, 256), rounds=5),
        Workload(model="resnet18", data=svhn, batch_sizes=(1, 32), rounds=5),
    )


def _quick_workloads() -> tuple[Workload, ...]:
    return (Workload(model="mlp", data=embedded_digits(), batch_sizes=(1,), rounds=1),)


def _measured(workload: Workload, group: Path) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="onnxproof-") as folder,
        _contender(OURS, folder, group) as ours,
        _contender(DEFAULTS, folder, group) as defaults,
    ):
        write_network(workload, Path(folder))
        children = {OURS: ours, DEFAULTS: defaults}
        for child in children.values():
            child.ask(open=True)
        batches = {str(batch): _timed(children, batch, workload) for batch in workload.batch_sizes}
        return {
            "dataset": workload.data.name,
            "rounds": workload.rounds,
            "threads": {name: child.facts["threads"] for name, child in children.items()},
            "batches": batches,
        }


def _contender(name: str, folder: str, group: Path) -> Child:
    return Child(Path(sys.executable), "benchmarks.quota.contender", name, folder, str(group))


def _timed(children: Mapping[str, Child], batch: int, workload: Workload) -> Result:
    p99: dict[str, list[float]] = {name: [] for name in children}

    def turn(name: str) -> float:
        answer = children[name].ask(batch=batch, seconds=SECONDS_A_TURN)
        p99[name].append(answer["p99_seconds"])
        return float(answer["mean_seconds"])

    turns = {name: lambda name=name: turn(name) for name in children}
    seconds = alternating_seconds(turns, workload.rounds, lambda _: None)
    click.echo(f"{workload.model}, batch {batch}", err=True)
    return {
        name: {
            "mean_ms": round(1000 * sorted(taken)[len(taken) // 2], 5),
            "p99_ms": round(1000 * sorted(p99[name][1:])[len(taken) // 2], 5),
            "ratio_to_ours": ratio_summary(taken, seconds[OURS])["ratio_to_ours"],
        }
        for name, taken in seconds.items()
    }


def judged(networks: Mapping[str, Result]) -> Result:
    """Return what was wanted beside the defaults, what was measured, and the outcome."""
    ratios = {
        f"{model}, {batch}": timing[DEFAULTS]["ratio_to_ours"]["median"]
        for model, network in networks.items()
        for batch, timing in network["batches"].items()
    }
    fastest = max(ratios, key=ratios.__getitem__, default=None)
    return {
        "name": f"under a quota, the defaults take at least {CLEARLY_FASTER} times ours on one",
        "wanted": CLEARLY_FASTER,
        "measured": "not measured" if fastest is None else f"{ratios[fastest]:.2f} ({fastest})",
        "met": None if fastest is None else ratios[fastest] >= CLEARLY_FASTER,
    }


if __name__ == "__main__":
    command()
