"""Mean and standard deviation of pixels, which a network normalizes its images by."""

import numpy as np
from numpy.typing import NDArray


def pixel_statistics(
    images: NDArray[np.uint8], indices: NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel's pixels, in 0..255.

    Exact: computed from counts of the 256 values, one image block at a time. A channel that never
    changes gets the standard deviation 1, so that it can be divided by.
    """
    channels = images.shape[1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(indices), 1024):
        block = images[indices[start : start + 1024]]
        for channel in range(channels):
            counts[channel] += np.bincount(block[:, channel].ravel(), minlength=256)
    values = np.arange(256, dtype=np.float64)
    pixels = counts.sum(axis=1)
    means = (counts @ values) / pixels
    variances = (counts @ values**2) / pixels - means**2
    deviations = np.where(variances > 1e-9, np.sqrt(np.maximum(variances, 0)), 1.0)
    return tuple(means.tolist()), tuple(deviations.tolist())
