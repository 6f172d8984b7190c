"""What outputs are worth on labelled examples: accuracy, calibration, proper scores."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studies.output_losses import losses_of

CALIBRATION_BINS = 15  # as evaluate/accuracy.py has


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
    """Return the expected calibration error (Naeini et al. 2015; Guo et al. 2017), 0 to 1.

    Examples are put into 15 bins of equal width by their confidence, the largest probability; a bin
    holds its upper bound. It is the mean over the examples of how far the accuracy of their bin is
    from its mean confidence.
    """
    confidence_N, predicted_N = torch.softmax(outputs_NK, dim=1).max(dim=1)
    bins_N = (confidence_N * CALIBRATION_BINS).ceil().long() - 1
    excess_N = confidence_N - (predicted_N == labels_N).to(confidence_N)
    excess_B = torch.zeros(CALIBRATION_BINS).to(excess_N).index_add(0, bins_N, excess_N)
    return float(excess_B.abs().sum() / len(labels_N))
