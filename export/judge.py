"""How many validation images a graph gets right beside the float32 graph, and how far it is off.

Everything about a reduced graph is decided on the validation split, which chose the network's epoch
too; the test split is for the proof alone.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import onnx
from numpy.typing import NDArray

from artifacts.logits import Logits, LogitsFunction
from data.calibration import TrainingPart
from data.images_at_once import images_at_once

DIVERGENCE_IMAGES = 512  # to put layers in an order; accuracy is measured on all
IMAGES_AT_ONCE = 128
Open = Callable[[onnx.ModelProto], LogitsFunction]


class Judge:
    """Judges graphs by the answers that they give to the validation images.

    Attributes:
        examples: how many images there are.
        float32_correct: how many of them the float32 graph gets right.
        max_accuracy_drop: points of accuracy that a graph may lose.
    """

    def __init__(
        self,
        float32: onnx.ModelProto,
        open_model: Open,
        validation: TrainingPart,
        max_accuracy_drop: float,
    ) -> None:
        self._float32 = float32
        self._open = open_model
        self._validation = validation
        self.max_accuracy_drop = max_accuracy_drop
        self.examples = len(validation)
        self.float32_correct = self.correct(float32)

    def correct(self, model: onnx.ModelProto) -> int:
        """Return how many images the graph gets right; an answer that is not finite is none."""
        logits_NK = _logits(self._open(model), self._validation)
        is_right = logits_NK.argmax(axis=1) == self._validation.labels
        return int((is_right & np.isfinite(logits_NK).all(axis=1)).sum())

    def lost(self, correct: int) -> float:
        """Return the points of accuracy that a graph with so many right answers loses."""
        return 100 * (self.float32_correct - correct) / self.examples

    def is_enough(self, correct: int) -> bool:
        """Return whether it loses no more than it may."""
        return self.lost(correct) <= self.max_accuracy_drop

    def divergence(self, model: onnx.ModelProto) -> float:
        """Return how far the graph's softmax is from the float32 graph's, in nats.

        Accuracy is too coarse to tell layers apart: one of them changes a few answers.
        """
        return divergence(self._wanted, _log_softmax(_logits(self._open(model), self._some)))

    @cached_property
    def _some(self) -> TrainingPart:
        return self._validation.sample(DIVERGENCE_IMAGES)

    @cached_property
    def _wanted(self) -> NDArray[np.float64]:
        return _log_softmax(_logits(self._open(self._float32), self._some))


def divergence(wanted_NK: NDArray[np.float64], found_NK: NDArray[np.float64]) -> float:
    """Return the mean Kullback-Leibler divergence in nats, of logarithms of probabilities.

    Of answers that are not finite it is infinite, which no record holds: the largest float.
    """
    if not np.isfinite(found_NK).all():
        return float(np.finfo(np.float64).max)
    return float((np.exp(wanted_NK) * (wanted_NK - found_NK)).sum(axis=1).mean())


def _logits(function: LogitsFunction, part: TrainingPart) -> Logits:
    size = images_at_once(IMAGES_AT_ONCE, part.images_NCHW.shape[2:])
    return np.concatenate([function(np.ascontiguousarray(batch)) for batch in part.batches(size)])


def _log_softmax(logits_NK: Logits) -> NDArray[np.float64]:
    shifted: NDArray[np.float64] = logits_NK.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted
