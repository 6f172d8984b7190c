"""The statistics that an evaluation alone states: of several tests, of samples, of queries."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Blocks = Sequence[Sequence[float]]  # samples that were taken in one go lie together

RESAMPLES = 1000
FEWEST_BLOCKS = 5  # with fewer, resampling them says nothing about their spread


def holm_corrected(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the p-values of tests that are read together, each corrected for the others.

    Among those below 5% then, the probability that even one came about by chance is at most 5%,
    however the tests depend on each other (Holm 1979: the smallest p times the number of tests, the
    next one times one less, and so on, never falling).
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return tuple(corrected)


def holds_percentile(over: int, queries: int, percent: int, confidence: float = 0.99) -> bool:
    """Return whether so few queries are over a bound that the percentile is surely under it.

    This is MLPerf Inference's early stopping (rules, appendix on early stopping): if the percentile
    were above the bound, each query would be over it with a probability of more than
    1 - percent/100, and so few would be seen with a probability of at most 1 - confidence.
    """
    share = 1 - percent / 100
    log_terms = (
        math.lgamma(queries + 1)
        - math.lgamma(k + 1)
        - math.lgamma(queries - k + 1)
        + k * math.log(share)
        + (queries - k) * math.log1p(-share)
        for k in range(min(over, queries) + 1)
    )
    return math.fsum(math.exp(term) for term in log_terms) <= 1 - confidence


def median_interval(blocks: Blocks) -> tuple[float, float] | None:
    """Return the 95% bootstrap interval of the median of all samples, or None from too few blocks.

    Whole blocks are drawn, not single samples: those of one block share the state of the machine,
    so that drawing them one by one would promise too much (the cluster bootstrap of Davison and
    Hinkley 1997, 3.8; percentiles of 1,000 draws).

    Args:
        blocks: the samples, those that were taken in one go together.
    """
    if len(blocks) < FEWEST_BLOCKS:
        return None
    return _interval(_resampled_medians(blocks, _draws(len(blocks))))


def ratio_interval(numerator: Blocks, denominator: Blocks) -> tuple[float, float] | None:
    """Return the 95% bootstrap interval of the ratio of two medians, or None from too few blocks.

    Blocks with one number were measured side by side and are drawn together, so that what slowed
    both cancels; those that only one side has are left out.
    """
    rounds = min(len(numerator), len(denominator))
    if rounds < FEWEST_BLOCKS:
        return None
    draws = _draws(rounds)
    ratios = _resampled_medians(numerator[:rounds], draws) / _resampled_medians(
        denominator[:rounds], draws
    )
    return _interval(ratios)


def _draws(blocks: int) -> NDArray[np.int64]:
    """Return how often each block is drawn in each resample: [RESAMPLES, blocks]."""
    random = np.random.default_rng(0)
    return random.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)


def _resampled_medians(blocks: Blocks, draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median of each resample, by weights on samples that are sorted once."""
    samples = np.concatenate([np.asarray(block, dtype=np.float64) for block in blocks])
    block_of_sample = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    order = np.argsort(samples, kind="stable")
    ordered, block_of_sample = samples[order], block_of_sample[order]
    medians = np.empty(len(draws))
    for number, weights in enumerate(draws):
        upto = np.cumsum(weights[block_of_sample])
        total = upto[-1]
        low = ordered[np.searchsorted(upto, (total + 1) // 2)]
        high = ordered[np.searchsorted(upto, total // 2 + 1)]
        medians[number] = (low + high) / 2
    return medians


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
