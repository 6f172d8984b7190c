"""Probabilities of logits."""

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Logits


def probabilities_from_logits(logits_NK: Logits, *, softmaxed: bool) -> NDArray[np.float64]:
    """Return float64 [N, K]; rows that are not finite come out as NaN, or as they are.

    Args:
        logits_NK: of some images.
        softmaxed: they have been through a softmax already.
    """
    values_NK = logits_NK.astype(np.float64)
    if softmaxed:
        return values_NK
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        values_NK -= values_NK.max(axis=1, keepdims=True)
        exponentials_NK = np.exp(values_NK)
    probabilities_NK: NDArray[np.float64] = exponentials_NK / exponentials_NK.sum(
        axis=1, keepdims=True
    )
    return probabilities_NK
