"""What outputs are worth on labelled examples: accuracy, calibration, proper scores."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artifacts.calibration import calibration_bins, calibration_error_of_bins
from studies.output_losses import losses_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """On some examples.

    Attributes:
        right_N: whether the class with the largest output is the label.
        calibration_error: as `calibration_error` tells.
        negative_log_likelihood: mean over the examples, natural logarithm.
        brier_score: mean squared distance of the probabilities from the label's unit vector.
    """

    right_N: NDArray[np.bool_]
    calibration_error: float
    negative_log_likelihood: float
    brier_score: float

    @property
    def correct(self) -> int:
        """How many are right."""
        return int(self.right_N.sum())


def scores_of(outputs_NK: Tensor, labels_N: Tensor) -> Scores:
    """Return what the outputs are worth; computed in float64."""
    outputs_NK = outputs_NK.double()
    return Scores(
        right_N=(outputs_NK.argmax(dim=1) == labels_N).numpy(),
        calibration_error=calibration_error(outputs_NK, labels_N),
        negative_log_likelihood=float(losses_of("cross-entropy", outputs_NK, labels_N).mean()),
        brier_score=float(losses_of("mse-of-probabilities", outputs_NK, labels_N).mean()),
    )


def calibration_error(outputs_NK: Tensor, labels_N: Tensor) -> float:
    """Return the expected calibration error of the softmax, as `evaluate` computes it."""
    confidence_N, predicted_N = torch.softmax(outputs_NK, dim=1).max(dim=1)
    bins = calibration_bins(confidence_N.numpy(), (predicted_N == labels_N).numpy())
    return calibration_error_of_bins(*bins, len(labels_N))
