"""What `evaluate` says of a run whose network in the file is another one.

The records are written again, so that every hash fits: a fault of the exporter itself, which no
hash can tell. Only the numbers can.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import onnx
import torch

from artifacts.chain import exported_network, trained_network
from artifacts.export_records import Export
from artifacts.files import sha256_of_file
from artifacts.json_records import read_record, write_record
from artifacts.run_directory import RunDirectory
from benchmarks.detection.bare import bare_export
from benchmarks.own_commands import Finished, onnxproof
from export.checks import tensor_specs
from models.classifier import Classifier

FAILED = 1


def verdict(run: Path, *options: str, provider: str = "cpu") -> dict[str, Any]:
    """Return whether `evaluate` found anything against a run, and the first thing that it said."""
    asked = ("evaluate", "--run", str(run), "--provider", provider, "--no-latency", "--json")
    return judged(onnxproof(*asked, *options, folder=run.parent))


def judged(command: Finished) -> dict[str, Any]:
    """Return whether a command of ours found anything, and the first thing that it said."""
    if command.returncode == 0:
        return {"caught": False, "said": ""}
    if command.returncode == FAILED:
        return {"caught": True, "said": json.loads(command.stdout)["failures"][0]}
    lines = [line for line in command.stderr.splitlines() if line.startswith("error: ")]
    said = f"exit {command.returncode}: {lines[0].removeprefix('error: ')}"
    return {"caught": True, "said": said}


def run_with_another_file(
    sound: Path, place: Path, classifier: Classifier, *, fixed_batch: bool
) -> Path:
    """Copy a run, put another network into its ONNX file, write its record again; return the copy.

    Args:
        sound: the run.
        place: the copy's directory.
        classifier: what the file holds then.
        fixed_batch: the file takes two images at once, and no other number.
    """
    shutil.copytree(sound, place)
    run = RunDirectory(place)
    path = run.onnx("float32")
    shape = trained_network(run).dataset.image_shape
    bare_export(
        classifier, shape, path, dtype=torch.uint8, input_name="images", fixed_batch=fixed_batch
    )
    graph = onnx.load(path).graph
    record = read_record(run.export, Export)
    variant = record.variants["float32"].model_copy(
        update={
            "onnx_sha256": sha256_of_file(path),
            "file_bytes": path.stat().st_size,
            "inputs": tensor_specs(graph.input),
            "outputs": tensor_specs(graph.output),
            "nodes": len(graph.node),
        }
    )
    write_record(run.export, record.model_copy(update={"variants": {"float32": variant}}))
    exported_network(run, "float32")  # every hash fits
    return place
