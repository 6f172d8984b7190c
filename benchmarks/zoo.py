"""The sweep: every classification network of a library, exported and held to our parity rules.

    python -m benchmarks.zoo [--library torchvision|timm] [--model NAME ...]

Each network has random weights and a process of its own, so that one that crashes, hangs or runs
out of memory costs one row. The file of results is written after each row; the same command again
goes on with the networks that have none yet at these versions, or that could not be measured.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from artifacts.environment import installed_versions
from benchmarks.measuring import RESULTS, ROOT, measurement_head, write_measurement
from errors import OnnxproofError

# The best-known network of twenty families of timm, chosen by hand: how often each is downloaded
# can only be asked of the hub.
TIMM_NETWORKS = (
    "resnet50",
    "mobilenetv3_small_100",
    "vit_base_patch16_224",
    "efficientnet_b0",
    "convnext_tiny",
    "tf_efficientnetv2_s",
    "swin_tiny_patch4_window7_224",
    "deit_small_patch16_224",
    "beit_base_patch16_224",
    "vit_small_patch14_dinov2",
    "eva02_tiny_patch14_224",
    "mobilenetv4_conv_small",
    "regnety_016",
    "densenet121",
    "inception_v4",
    "vgg16",
    "mixer_b16_224",
    "res2net50_26w_4s",
    "maxvit_tiny_tf_224",
    "edgenext_small",
)
VERSIONS = ("torch", "torchvision", "timm", "onnx", "onnxscript", "onnxruntime-gpu", "onnxruntime")
TIME_LIMIT_SECONDS = 1800


@click.command()
@click.option(
    "--library",
    type=click.Choice(["torchvision", "timm"]),
    default="torchvision",
    show_default=True,
)
@click.option("--model", "models", multiple=True, help="Only these, such as timm:resnet50.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: results/zoo-LIBRARY.json]")
@click.option("--one", hidden=True, help="Measure this network in this process.")
def command(library: str, models: tuple[str, ...], out: Path | None, one: str | None) -> None:
    """Run the sweep; exit code 1 where a verdict is not `pass`."""
    if one:
        click.echo(json.dumps(_row(one)))
        return
    out = out or RESULTS / f"zoo-{library}.json"
    rows = _rows_so_far(out)
    names = models or _names(library)
    for number, name in enumerate(names, start=1):
        if name not in rows or rows[name]["verdict"] == "error":
            head = measurement_head()  # a sweep may go on at a later commit: each row has its own
            rows[name] = {**_in_a_process(name), "commit": head["commit"]}
            ordered = [rows[key] for key in sorted(rows)]
            write_measurement(out, head | {"versions": _versions(), "rows": ordered})
        click.echo(f"{number} of {len(names)}: {_line(rows[name])}", err=True)
    failed = [name for name in names if rows[name]["verdict"] != "pass"]
    click.echo(f"{len(names) - len(failed)} of {len(names)} pass", err=True)
    if failed:
        raise SystemExit(1)


def _names(library: str) -> tuple[str, ...]:
    from models.libraries import library_names

    own = TIMM_NETWORKS if library == "timm" else library_names(library)
    return tuple(f"{library}:{name}" for name in own)


def _rows_so_far(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of an earlier sweep with the same versions, by name."""
    if not out.is_file():
        return {}
    document = json.loads(out.read_text())
    if document["versions"] != _versions():
        click.echo(f"{out}: made with other versions, measured anew", err=True)
        return {}
    return {row["name"]: row for row in document["rows"]}


def _versions() -> dict[str, str]:
    return installed_versions(VERSIONS)


def _row(name: str) -> dict[str, Any]:
    from benchmarks.zoo_network import measured_network

    try:
        return measured_network(name)
    except OnnxproofError as error:
        return _failed(name, str(error))


def _in_a_process(name: str) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.zoo", "--one", name],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=TIME_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return _failed(name, f"not finished after {TIME_LIMIT_SECONDS} s")
    if done.returncode < 0:
        return _failed(name, f"killed by signal {-done.returncode}")
    if done.returncode:
        return _failed(name, (done.stderr.strip().splitlines() or ["no message"])[-1])
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def _failed(name: str, problem: str) -> dict[str, Any]:
    return {"name": name, "verdict": "error", "failures": [" ".join(problem.split())]}


def _line(row: dict[str, Any]) -> str:
    if row["verdict"] == "error":
        return f"{row['name']}: error: {row['failures'][0]}"
    seconds = sum(row["seconds"].values())
    difference = row["max_abs_over_largest_logit"]
    return (
        f"{row['name']}: {row['verdict']}, {seconds:.0f} s, {row['onnx_bytes'] / 1e6:.0f} MB,"
        f" {row['nodes']} nodes, {'none' if difference is None else f'{difference:.1e}'}"
        f" {'; '.join(row['failures'])}"
    )


if __name__ == "__main__":
    command()
