import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evaluate.statistics import (
    holds_percentile,
    holm_corrected,
    median_interval,
    ratio_interval,
)


def test_holm_is_a_worked_example() -> None:
    assert holm_corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm_corrected([]) == ()
    assert holm_corrected([0.4]) == (0.4,)


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_does(
    p_values: list[float], level: float
) -> None:
    corrected = holm_corrected(p_values)
    rejected = set()
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        if p_values[index] * (len(p_values) - rank) > level:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(corrected) if p <= level} == rejected
    assert all(p <= one <= 1 for p, one in zip(p_values, corrected, strict=True))


@given(st.integers(1, 3000), st.integers(0, 60), st.sampled_from([50, 90, 95, 99]))
def test_percentile_holds_by_the_binomial_distribution(
    queries: int, over: int, percent: int
) -> None:
    wanted = binom.cdf(over, queries, 1 - percent / 100)
    if abs(wanted - 0.01) > 1e-9:
        assert holds_percentile(over, queries, percent) is bool(wanted <= 0.01)


@pytest.mark.parametrize(("percent", "fewest"), [(90, 64), (95, 130), (99, 662)])
def test_percentile_holds_from_mlperfs_number_of_queries_on(percent: int, fewest: int) -> None:
    assert holds_percentile(1, fewest, percent)
    assert not holds_percentile(1, fewest - 1, percent)


def blocks_of(count: int, *, spread: float, seed: int = 0, each: int = 50) -> list[list[float]]:
    """Blocks with a level of their own, as a machine whose clock changes makes them."""
    random = np.random.default_rng(seed)
    levels = 1 + spread * random.normal(size=count)
    return [(level + 0.001 * random.normal(size=each)).tolist() for level in levels]


def test_median_interval_widens_with_the_spread_of_the_blocks() -> None:
    widths = []
    for spread in (0.0, 0.01, 0.1):
        interval = median_interval(blocks_of(20, spread=spread))
        assert interval is not None
        widths.append(interval[1] - interval[0])
    assert widths[0] < 0.001 < widths[1] < widths[2]


def test_median_interval_holds_the_true_median_nineteen_times_of_twenty() -> None:
    found = [median_interval(blocks_of(30, spread=0.05, seed=seed)) for seed in range(200)]
    share = np.mean([low <= 1 <= high for low, high in (each for each in found if each)])
    assert 0.9 <= share <= 0.99


def test_interval_is_not_given_from_fewer_than_five_blocks() -> None:
    assert median_interval(blocks_of(4, spread=0.1)) is None
    assert median_interval(blocks_of(5, spread=0.1)) is not None
    assert ratio_interval(blocks_of(4, spread=0.1), blocks_of(9, spread=0.1)) is None


def test_ratio_interval_is_narrow_where_both_sides_slow_down_together() -> None:
    slow = blocks_of(20, spread=0.2)
    twice = [[2 * value for value in block] for block in slow]
    assert ratio_interval(twice, slow) == pytest.approx((2, 2))
    apart = ratio_interval(blocks_of(20, spread=0.2, seed=1), slow)
    assert apart is not None
    assert apart[1] - apart[0] > 0.05


def test_ratio_interval_takes_rounds_that_both_sides_have() -> None:
    slow = blocks_of(20, spread=0.2)
    assert ratio_interval(slow + [[99.0]] * 5, slow) == pytest.approx((1, 1))


def test_median_interval_of_equal_samples_is_that_value() -> None:
    assert median_interval([[3.0, 3.0]] * 6) == (3, 3)
