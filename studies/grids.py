"""A loss on a grid of two directions."""

from collections.abc import Callable, Sequence

import numpy as np

from artifacts.study_records import Surface


def surface_of(
    first: Sequence[float], second: Sequence[float], loss_at: Callable[[float, float], float]
) -> Surface:
    """Return the losses at all pairs of `first` and `second`, each of even steps."""
    losses = np.array([[loss_at(one, other) for one in first] for other in second])
    middle = losses[1:-1, 1:-1]
    pairs = (
        (losses[1:-1, :-2], losses[1:-1, 2:]),
        (losses[:-2, 1:-1], losses[2:, 1:-1]),
        (losses[:-2, :-2], losses[2:, 2:]),
        (losses[:-2, 2:], losses[2:, :-2]),
    )
    bulges = [float((middle - (one + other) / 2).max()) for one, other in pairs]
    return Surface(
        first=tuple(first),
        second=tuple(second),
        losses=tuple(tuple(row) for row in losses.tolist()),
        highest_bulge=max(bulges),
    )
