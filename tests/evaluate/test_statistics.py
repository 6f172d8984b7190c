import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from evaluate.statistics import (
    holds_percentile,
    holm_corrected,
    mcnemar_exact,
    median_interval,
    ratio_interval,
    wilson_interval,
)

PROPORTIONS = st.integers(1, 30_000).flatmap(
    lambda examples: st.tuples(st.integers(0, examples), st.just(examples))
)


@given(PROPORTIONS)
@example((0, 1))
@example((1, 1))
@example((0, 10_000))
@example((10_000, 10_000))
@example((9_999, 10_000))
def test_wilson_interval_is_scipys(proportion: tuple[int, int]) -> None:
    low, high = wilson_interval(*proportion)
    wanted = binomtest(*proportion).proportion_ci(confidence_level=0.95, method="wilson")
    assert low == pytest.approx(wanted.low, abs=1e-12)
    assert high == pytest.approx(wanted.high, abs=1e-12)


@given(PROPORTIONS)
def test_wilson_interval_holds_the_proportion_within_0_and_1(proportion: tuple[int, int]) -> None:
    low, high = wilson_interval(*proportion)
    assert 0 <= low <= proportion[0] / proportion[1] <= high <= 1
    assert low < high


@pytest.mark.parametrize(("correct", "examples"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_interval_is_refused_when_it_is_no_proportion(correct: int, examples: int) -> None:
    with pytest.raises(ValueError, match=f"{correct} correct of {examples} examples"):
        wilson_interval(correct, examples)


@given(st.integers(0, 400), st.integers(0, 400))
@example(0, 1)
@example(5, 5)
@example(0, 400)
def test_mcnemar_is_scipys_binomial_test(only_first: int, only_second: int) -> None:
    discordant = only_first + only_second
    wanted = binomtest(only_first, discordant).pvalue if discordant else 1.0
    assert mcnemar_exact(only_first, only_second) == pytest.approx(wanted, rel=1e-9)
    assert mcnemar_exact(only_first, only_second) == mcnemar_exact(only_second, only_first)


def test_mcnemar_is_1_when_nothing_is_discordant() -> None:
    assert mcnemar_exact(0, 0) == 1.0


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


def test_mcnemar_is_0_when_the_difference_is_beyond_float() -> None:
    assert mcnemar_exact(26_000, 0) == 0.0


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
