"""One network of the sweep: random weights, export, both sides at two batch sizes, the verdict."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from artifacts.chain import TrainedNetwork
from artifacts.choices import DEFAULT_OPSET
from artifacts.environment import usable_cpus
from artifacts.logits import Images, LogitsFunction
from artifacts.run_directory import RunDirectory
from artifacts.training_records import DatasetSpec, ModelSpec
from benchmarks.random_network import make_telling, varied_images
from evaluate.accuracy import accuracy_of
from evaluate.answers import Answers, answers_from_logits
from evaluate.gates import Gates, parity_failures
from evaluate.onnx_runtime import OnnxRunner
from evaluate.parity import parity_of
from evaluate.passes import stand_in_labels
from evaluate.tolerances import CPU_FLOAT32
from export.checks import check_file
from export.graph import graph_from_classifier
from export.saving import save_graph
from models import build, network_name
from models.cost import parameter_count
from models.foreign_weights import head_names
from models.inference import logits_function
from models.libraries import CHANNELS, designed_size

BATCH_SIZES = (1, 3)
CLASSES = 1000
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # ImageNet's, in 0..255
FALLBACK_SIDE = 224


def measured_network(name: str) -> dict[str, Any]:
    """Return the row of one network: what it is, what each part took, how far the sides differ.

    Raises:
        OnnxproofError: it cannot be built, exported, checked or loaded.
    """
    torch.manual_seed(0)
    torch.set_num_threads(usable_cpus())
    clock = _Clock()
    network = network_name(name)
    side = designed_size(name) or FALLBACK_SIDE
    spec = ModelSpec(name=name, num_classes=CLASSES, in_channels=CHANNELS, image_size=(side, side))
    classifier = build(**spec.model_dump(), mean=MEAN, std=STD)
    images = varied_images(sum(BATCH_SIZES), side)
    make_telling(classifier, images, head_names(network, CHANNELS, (side, side)))
    clock.lap("build")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        trained = _as_trained(spec, Path(folder))
        program = graph_from_classifier(
            classifier, trained, opset=DEFAULT_OPSET, probabilities=False
        )
        save_graph(program, path)
        del program
        nodes = len(check_file(path).graph.node)
        clock.lap("export")
        runner = OnnxRunner(path)
        onnx_bytes = sum(file.stat().st_size for file in path.parent.iterdir())
    clock.lap("load")
    found = _answers(runner.run, images)
    clock.lap("onnx_runtime")
    reference = _answers(logits_function(classifier, torch.device("cpu")), images)
    clock.lap("pytorch")
    return {
        "name": name,
        "image_size": side,
        "parameters": parameter_count(classifier),
        "onnx_bytes": onnx_bytes,
        "nodes": nodes,
        **_compared(found, reference),
        "seconds": clock.laps,
    }


def _compared(found: Answers, reference: Answers) -> dict[str, Any]:
    sums = accuracy_of(reference)
    parity = parity_of(found, reference, None, tolerance=CPU_FLOAT32).record(
        tolerance=CPU_FLOAT32,
        source="live",
        reference=sums,
        reference_record=sums.record(tuple(str(number) for number in range(CLASSES))),
    )
    failures = parity_failures(parity, Gates())
    largest = float(np.abs(reference.logits_NK).max())
    return {
        "batch_sizes": BATCH_SIZES,
        "tolerance": parity.tolerance,
        "largest_logit": largest,
        "max_abs": parity.max_abs,
        "max_abs_over_largest_logit": None if parity.max_abs is None else parity.max_abs / largest,
        "verdict": "fail" if failures else "pass",
        "failures": failures,
    }


def _answers(compute: LogitsFunction, images: Images) -> Answers:
    """Return the logits of all images, batch by batch of the two sizes.

    There are no labels: the classes that the logits themselves name stand in for them.
    """
    parts, start = [], 0
    for size in BATCH_SIZES:
        parts.append(compute(images[start : start + size]))
        start += size
    logits_NK = np.concatenate(parts)
    return answers_from_logits(logits_NK, stand_in_labels(logits_NK))


def _as_trained(spec: ModelSpec, folder: Path) -> TrainedNetwork:
    """Return what names the network in the graph's metadata; there is no run, and no dataset."""
    classes = tuple(str(number) for number in range(spec.num_classes))
    nothing = "0" * 64
    return TrainedNetwork(
        run=RunDirectory(folder),
        model=spec,
        classes=classes,
        dataset=DatasetSpec(
            name="random",
            source="random",
            data_dir=None,
            classes=classes,
            image_shape=(spec.in_channels, *spec.image_size),
            sha256=nothing,
            split_sha256={},
        ),
        checkpoint_sha256=nothing,
        parameters=0,
        recipe=None,
    )


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now
