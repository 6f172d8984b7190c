"""Figures over seeds and over examples, with what they tell of others; by scipy."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from artifacts.losses_records import Estimate, PairedCounts
from artifacts.statistics import mcnemar_exact, wilson_interval

CONFIDENCE = 0.95


def estimate_of(
    values: Sequence[float], *, least: float = -math.inf, most: float = math.inf
) -> Estimate:
    """Return mean and spread of two or more seeds' values, with Student's interval of the mean.

    Args:
        values: one a seed.
        least: below which no mean can lie; the interval ends there.
        most: above which none can.
    """
    mean = float(np.mean(values))
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, df=len(values) - 1))
    half = quantile * float(np.std(values, ddof=1)) / len(values) ** 0.5
    ci95 = max(mean - half, least), min(mean + half, most)
    return Estimate(mean=mean, ci95=ci95, smallest=min(values), largest=max(values))


def interval_of_mean(correct: Sequence[int], examples: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of the seeds' mean accuracy on the same examples.

    The seeds are not counted as more examples, which they are not: what they get wrong is mostly
    the same.
    """
    return wilson_interval(round(float(np.mean(correct))), examples)


def paired_counts(cross_entropy_N: NDArray[np.bool_], mse_N: NDArray[np.bool_]) -> PairedCounts:
    """Return the examples that only one loss gets right, with McNemar's exact p-value.

    Args:
        cross_entropy_N: which examples the one gets right.
        mse_N: which the other.
    """
    first = int((cross_entropy_N & ~mse_N).sum())
    second = int((mse_N & ~cross_entropy_N).sum())
    return PairedCounts(
        only_cross_entropy=first, only_mse=second, mcnemar_p=mcnemar_exact(first, second)
    )
