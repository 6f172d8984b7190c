"""The networks of the comparison: exported as `export` does it, with all that an engine needs.

Speed does not depend on what was learned, but parity does: so the weights are random ones that
tell images apart, and the images are real.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from artifacts.choices import DEFAULT_OPSET
from artifacts.training_records import ModelSpec
from benchmarks.engines.files import IMAGES, LOGITS, ONNX, SPEC, WEIGHTS
from benchmarks.random_network import make_telling
from benchmarks.workload_data import WorkloadData
from export.graph import traced_program
from export.saving import save_graph
from models import build, network_name
from models.foreign_weights import head_names
from models.inference import logits_function

PARITY_IMAGES = 256
TELLING_IMAGES = 8


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network, and how it is timed.

    Attributes:
        model: its name.
        data: the images.
        batch_sizes: that are timed.
        rounds: that count.
    """

    model: str
    data: WorkloadData
    batch_sizes: tuple[int, ...]
    rounds: int


def write_network(workload: Workload, folder: Path) -> None:
    """Write the ONNX file, the weights, real images, and PyTorch's float32 logits of them."""
    train = np.array(workload.data.dataset.train.images[:PARITY_IMAGES])
    images = np.array(workload.data.dataset.test.images[:PARITY_IMAGES])
    _, channels, height, width = images.shape
    spec = ModelSpec(
        name=workload.model,
        num_classes=len(workload.data.dataset.classes),
        in_channels=channels,
        image_size=(height, width),
    )
    torch.manual_seed(0)
    classifier = build(**spec.model_dump(), mean=[train.mean()], std=[train.std()])
    head = head_names(network_name(spec.name), channels, spec.image_size)
    make_telling(classifier, train[:TELLING_IMAGES], head)
    program = traced_program(classifier, spec, opset=DEFAULT_OPSET, probabilities=False)
    save_graph(program, folder / ONNX)
    torch.save(classifier.state_dict(), folder / WEIGHTS)
    (folder / SPEC).write_text(spec.model_dump_json())
    np.save(folder / IMAGES, images)
    np.save(folder / LOGITS, logits_function(classifier, torch.device("cpu"))(images))
