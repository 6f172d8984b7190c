"""Quantiles of any number of sizes in 160 KB: counts by exponent and the first bits after it.

A bin holds the sizes that share their exponent and the first eight bits of their mantissa, so that
its upper edge is at most 1/256 above any of them. Zero and what is below 2^-60 lie in the first
bin, what is above 2^20 in the last.
"""

import numpy as np
from numpy.typing import NDArray

MANTISSA_BITS = 8
LOWEST_EXPONENT, HIGHEST_EXPONENT = -60, 20
_SHIFT = 52 - MANTISSA_BITS
_FIRST = (1023 + LOWEST_EXPONENT) << MANTISSA_BITS
_BINS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) << MANTISSA_BITS


def counts_by_size(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many of these numbers, none negative and all finite, are in each bin."""
    bins = (sizes.reshape(-1).view(np.int64) >> _SHIFT) - _FIRST
    np.clip(bins, 0, _BINS - 1, out=bins)
    return np.bincount(bins, minlength=_BINS)


def quantile_at_most(counts: NDArray[np.int64], share: float) -> float:
    """Return a size that at least this share of the counted ones does not exceed.

    It is the upper edge of the bin of the smallest such size: at most 1/256 above it.
    """
    wanted = share * counts.sum()
    number = int(np.searchsorted(np.cumsum(counts), wanted))
    edge = np.array((number + 1 + _FIRST) << _SHIFT, dtype=np.int64)
    return float(edge.view(np.float64))
