"""Expected calibration error, one rule for every room."""

import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15  # as in Guo et al. 2017


def calibration_bins(
    confidence_N: NDArray[np.float64], is_correct_N: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sum of the confidences and the number of correct examples in each bin.

    Bins have equal width; one holds its upper bound and not its lower one.

    Args:
        confidence_N: the largest probability of each example, 0 to 1.
        is_correct_N: whether its class is the label.
    """
    # The smallest bin also takes 0 itself, which only given probabilities can be.
    bins_N = np.maximum(np.ceil(confidence_N * CALIBRATION_BINS).astype(np.int64) - 1, 0)
    return (
        np.asarray(np.bincount(bins_N, confidence_N, minlength=CALIBRATION_BINS), np.float64),
        np.bincount(bins_N[is_correct_N], minlength=CALIBRATION_BINS),
    )


def calibration_error_of_bins(
    confidence_B: NDArray[np.float64], correct_B: NDArray[np.int64], examples: int
) -> float:
    """Return the expected calibration error (Naeini et al. 2015; Guo et al. 2017), 0 to 1.

    It is the mean over the examples of how far their bin's accuracy is from its mean confidence.
    """
    return float(np.abs(confidence_B - correct_B).sum() / examples)
