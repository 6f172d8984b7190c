"""How sure a count of right answers is: an interval and an exact test, for every room."""

import math

Z_95 = 1.959963984540054  # the normal distribution's 97.5% quantile


def wilson_interval(correct: int, examples: int) -> tuple[float, float]:
    """Return the 95% score interval of a proportion (Wilson 1927), within 0 and 1.

    Unlike the textbook's p +- 1.96 sqrt(p(1-p)/n) it holds near 1, where accuracies are.
    """
    if not 0 <= correct <= examples or examples == 0:
        raise ValueError(f"{correct} correct of {examples} examples is no proportion")
    share = correct / examples
    spread = Z_95**2 / examples
    center = share + spread / 2
    half = math.sqrt(Z_95**2 * (share * (1 - share) / examples + Z_95**2 / (4 * examples**2)))
    low, high = (center - half) / (1 + spread), (center + half) / (1 + spread)
    return (0.0 if correct == 0 else low, 1.0 if correct == examples else high)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p-value of McNemar's test (McNemar 1947).

    Args:
        only_first: examples that only the first classifier got right.
        only_second: examples that only the second one got right.
    """
    discordant = only_first + only_second
    term = tail = 1  # exact integers: the binomial coefficients, each from the one before
    for k in range(1, min(only_first, only_second) + 1):
        term = term * (discordant - k + 1) // k
        tail += term
    return min(1.0, 2 * tail / (1 << discordant))
