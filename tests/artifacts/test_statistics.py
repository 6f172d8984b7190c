import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from artifacts.statistics import mcnemar_exact, wilson_interval

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


def test_mcnemar_is_0_when_the_difference_is_beyond_float() -> None:
    assert mcnemar_exact(26_000, 0) == 0.0
