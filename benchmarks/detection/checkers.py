"""What other projects' checks say of ONNX files; started by benchmarks.detection.

    python -m benchmarks.detection.checkers ORDER.json

It runs in an environment of its own that has them, from this project's checkout. For each case of
the order it prints a line of JSON: by each check's name whether it found anything, and what.
Tolerances, inputs and batch sizes are those that each check has when nobody says anything.
"""

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import onnxruntime
import torch
from optimum.exporters.onnx import validate_model_outputs
from optimum.exporters.onnx.model_configs import ResNetOnnxConfig
from polygraphy.backend.base import BaseRunner
from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
from polygraphy.common import TensorMetadata
from polygraphy.comparator import Comparator, DataLoader
from timm.utils.onnx import onnx_forward
from torch import Tensor, nn
from torch.onnx.testing import assert_onnx_program
from transformers import ResNetConfig

from benchmarks.detection.bare import INPUT, OUTPUT, bare_program
from models import build
from models.weights import load_weights


class Sound:
    """A network that a file should hold, and images to try both on."""

    def __init__(self, order: dict[str, Any]) -> None:
        classifier = build(**order["model"])
        load_weights(Path(order["weights"]), classifier)
        self.classifier = classifier.eval()
        self.network = classifier.network
        self.shape = (order["model"]["in_channels"], *order["model"]["image_size"])
        with np.load(order["dataset"]) as arrays:
            self.images = torch.from_numpy(arrays["test_images"])
            self.labels = arrays["test_labels"]
        self._program: torch.onnx.ONNXProgram | None = None

    def program(self) -> torch.onnx.ONNXProgram:
        """Return the network as torch exports it; exported once, however many files are tried."""
        if self._program is None:
            torch.manual_seed(0)
            self._program = bare_program(self.network, torch.randn(2, *self.shape))
        return self._program


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, what it should hold, and the device that is asked for: cpu or cuda."""

    onnx: Path
    sound: Sound
    device: str


class _Named(nn.Module):
    """Gives its output a name, as networks of transformers do."""

    def __init__(self, network: nn.Module, config: ResNetConfig) -> None:
        super().__init__()
        self.network, self.config = network, config

    def forward(self, pixel_values: Tensor) -> dict[str, Tensor]:
        return {OUTPUT: self.network(pixel_values)}


class _TorchOnCpu(BaseRunner):  # type: ignore[misc]  # Polygraphy is not installed here
    """Polygraphy's PytRunner, which knows GPUs only, on a CPU."""

    def __init__(self, case: Case) -> None:
        super().__init__(name="torch", prefix="torch")
        self.case = case

    def get_input_metadata_impl(self) -> Any:
        shape = ("batch_size", *self.case.sound.shape)
        return TensorMetadata().add(INPUT, dtype=np.dtype("float32"), shape=shape)

    @torch.inference_mode()
    def infer_impl(self, feed_dict: dict[str, Any]) -> dict[str, Any]:
        self.inference_time = 0.0
        return {OUTPUT: self.case.sound.network(torch.from_numpy(feed_dict[INPUT])).numpy()}


def by_torch(case: Case) -> None:
    """torch.onnx.testing.assert_onnx_program: random images, torch's own tolerances."""
    program = case.sound.program()
    program.release()  # the session of the file before
    program.model = onnx_ir.load(case.onnx)
    assert_onnx_program(program)


def by_optimum(case: Case) -> None:
    """optimum.exporters.onnx.validate_model_outputs, as for a ResNet."""
    torch.manual_seed(0)
    channels, *size = case.sound.shape
    config = ResNetConfig(num_channels=channels)
    config.image_size = tuple(size)
    validate_model_outputs(
        ResNetOnnxConfig(config, task="image-classification"),
        _Named(case.sound.network, config),
        case.onnx,
        [OUTPUT],
        device=case.device,
        use_subprocess=False,
    )


def by_polygraphy(case: Case) -> None:
    """Polygraphy's Comparator on its own random input."""
    session = SessionFromOnnx(str(case.onnx), providers=[case.device])
    results = Comparator.run(
        [_TorchOnCpu(case), OnnxrtRunner(session)],
        data_loader=DataLoader(),
    )
    if not Comparator.compare_accuracy(results):
        raise AssertionError("compare_accuracy: FAILED")


@torch.inference_mode()
def by_timm(case: Case) -> None:
    """What timm's onnx_export does with check_forward: 3 decimals, on random images."""
    torch.manual_seed(0)
    images = torch.randn(2, *case.sound.shape)
    wanted = case.sound.network(images)
    found = onnx_forward(str(case.onnx), images)  # type: ignore[no-untyped-call]
    np.testing.assert_almost_equal(wanted.numpy(), found, decimal=3)


@torch.inference_mode()
def by_accuracy(case: Case) -> None:
    """What one sees in the figures that timm's onnx_validate prints: top-1, to three decimals."""
    providers = {"cuda": ["CUDAExecutionProvider"], "cpu": ["CPUExecutionProvider"]}[case.device]
    session = onnxruntime.InferenceSession(str(case.onnx), providers=providers)
    right = {"torch": 0, "onnx": 0}
    sound = case.sound
    for start in range(0, len(sound.labels), 32):
        images = sound.classifier.normalized(sound.images[start : start + 32])
        labels = sound.labels[start : start + 32]
        found = session.run(None, {INPUT: images.numpy()})[0]
        right["onnx"] += int((found.argmax(axis=1) == labels).sum())
        right["torch"] += int((sound.network(images).argmax(dim=1).numpy() == labels).sum())
    top1 = {side: f"{100 * count / len(sound.labels):.3f}" for side, count in right.items()}
    if top1["torch"] != top1["onnx"]:
        raise AssertionError(f"{top1['onnx']} in the place of {top1['torch']}")


CHECKS: dict[str, Callable[[Case], None]] = {
    "torch": by_torch,
    "Optimum": by_optimum,
    "Polygraphy": by_polygraphy,
    "timm": by_timm,
    "accuracy alone": by_accuracy,
}


def found_by(check: Callable[[Case], None], case: Case) -> dict[str, Any]:
    """Return whether a check raised, and the first line of what it said."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            check(case)
    except (Exception, SystemExit) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return {"caught": True, "said": (lines or [type(error).__name__])[0][:160]}
    return {"caught": False, "said": ""}


def main() -> None:
    """Print a line for each case."""
    warnings.simplefilter("ignore")
    answers = sys.stdout
    known, weights = None, ""
    for order in json.loads(Path(sys.argv[1]).read_text()):
        if known is None or order["weights"] != weights:  # the files of one network come together
            known, weights = Sound(order), order["weights"]
        case = Case(onnx=Path(order["onnx"]), sound=known, device=order["device"])
        if not case.onnx.exists():
            known.program().save(case.onnx, external_data=False)
        found = {name: found_by(check, case) for name, check in CHECKS.items()}
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
