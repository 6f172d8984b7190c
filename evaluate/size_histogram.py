"""Quantiles of any number of sizes in 160 KB: counts by exponent and the first bits after it.

A bin holds the sizes that share their exponent and the first eight bits of their mantissa, so that
its upper edge is at most 1/256 above any of them. Zero and what is below 2^-60 lie in the first
bin, what is above 2^20 in the last.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MANTISSA_BITS = 8
LOWEST_EXPONENT, HIGHEST_EXPONENT = -60, 20
_BINS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) << MANTISSA_BITS
# Of a float's bits: as which integer to read them, how many to drop, and the first bin's number.
_LAYOUTS: dict[np.dtype[Any], tuple[type[np.signedinteger[Any]], int, int]] = {
    np.dtype(np.float32): (np.int32, 23 - MANTISSA_BITS, (127 + LOWEST_EXPONENT) << MANTISSA_BITS),
    np.dtype(np.float64): (np.int64, 52 - MANTISSA_BITS, (1023 + LOWEST_EXPONENT) << MANTISSA_BITS),
}


def counts_by_size(sizes: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return how many of these numbers, none negative and all finite, are in each bin."""
    integer, shift, first = _LAYOUTS[sizes.dtype]
    numbers = sizes.reshape(-1).view(integer) >> shift
    counts = np.bincount(numbers, minlength=first + _BINS)
    # What lies outside of the bins belongs to the nearest one.
    inside = counts[first : first + _BINS]
    inside[0] += counts[:first].sum()
    inside[-1] += counts[first + _BINS :].sum()
    return inside


def counts_by_power(counts: NDArray[np.int64]) -> list[tuple[float, int]]:
    """Return upper edges, powers of two, and how many sizes are between each and the one before.

    The first edge is 2^-60, below which zero is counted; then come an edge that no more sizes are
    below, and those up to the one that all are below.
    """
    lowest = int(counts[0])
    by_power = counts.reshape(-1, 1 << MANTISSA_BITS).sum(axis=1)
    by_power[0] -= lowest
    pairs = [(2.0**LOWEST_EXPONENT, lowest)]
    filled = np.flatnonzero(by_power)
    if len(filled):
        first, last = int(filled[0]), int(filled[-1])
        if first:
            pairs.append((2.0 ** (LOWEST_EXPONENT + first), 0))
        counted = by_power[first : last + 1].tolist()
        pairs += [(2.0 ** (LOWEST_EXPONENT + 1 + n), c) for n, c in enumerate(counted, first)]
    return pairs


def quantile_at_most(counts: NDArray[np.int64], share: float) -> float:
    """Return a size that at least this share of the counted ones does not exceed.

    It is the upper edge of the bin of the smallest such size: at most 1/256 above it.
    """
    number = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    integer, shift, first = _LAYOUTS[np.dtype(np.float64)]
    edge = np.array((number + 1 + first) << shift, dtype=integer)
    return float(edge.view(np.float64))
