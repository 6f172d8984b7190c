"""Cases handed to other projects' checks, which run in an environment of their own."""

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT

CHECKS = ("torch", "Optimum", "Polygraphy", "timm", "accuracy alone")
VERSIONS = (
    *("torch", "optimum", "optimum-onnx", "polygraphy", "timm"),
    *("onnx", "onnxruntime-gpu", "numpy"),
)
Found = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file and what it should hold.

    Attributes:
        onnx: normalized images to logits; where there is none, torch.onnx.export makes it of the
            sound classifier's network.
        weights: safetensors of the sound classifier.
        model: what `build` takes.
        dataset: whose test split the accuracy is counted on.
        device: that is asked for: cpu or cuda.
    """

    onnx: Path
    weights: Path
    model: dict[str, Any]
    dataset: Path
    device: str = "cpu"


def verdicts_of_others(
    python: Path, cases: list[Case], on_verdict: Callable[[Found], None]
) -> list[Found]:
    """Return for each case what each check found.

    Args:
        python: of the environment that has them.
        cases: to be checked.
        on_verdict: is told each.

    Raises:
        subprocess.CalledProcessError: the checks could not be run at all.
    """
    found: list[Found] = []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as order:
        json.dump([vars(case) for case in cases], order, default=str)
        order.flush()
        command = [str(python), "-m", "benchmarks.detection.checkers", order.name]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                found.append(json.loads(line))
                on_verdict(found[-1])
        if process.returncode or len(found) != len(cases):
            raise subprocess.CalledProcessError(process.returncode, command)
    return found
