"""A run's float32 graph, faults to plant in it, and what reducing it wants."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from artifacts.engine import Engine
from artifacts.logits import Images, Logits
from commands.export_steps import engine_on
from data import load_dataset
from data.calibration import ReductionData, reduction_data


def engine() -> Engine:
    return engine_on("cpu")


def reduction_of(npz: Path, images: int = 64) -> ReductionData:
    dataset = load_dataset(str(npz))
    return reduction_data(dataset, subset=1.0, val_split=0.2, seed=0, calibration_images=images)


def scale(model: onnx.ModelProto, name: str, change: Callable[[NDArray[np.float32]], None]) -> None:
    """Change a weight of the graph in place."""
    (weight,) = (weight for weight in model.graph.initializer if weight.name == name)
    values = numpy_helper.to_array(weight).copy()
    change(values)
    weight.CopyFrom(numpy_helper.from_array(values, name))


def times(factor: float) -> Callable[[NDArray[np.float32]], None]:
    def change(values: NDArray[np.float32]) -> None:
        values *= np.float32(factor)

    return change


def logits_of(model: onnx.ModelProto, images: Images, folder: Path) -> Logits:
    """Return what ONNX Runtime computes."""
    path = folder / "graph.onnx"
    onnx.save_model(model, path)
    return engine().open_logits(path)(images)


def nothing(what: str, done: int, total: int) -> None:
    """Take no note of progress."""
