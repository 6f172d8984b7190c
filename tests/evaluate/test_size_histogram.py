import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from evaluate.size_histogram import counts_by_power, counts_by_size, quantile_at_most

SIZES = arrays(np.float64, st.integers(1, 200), elements=st.floats(2.0**-59, 2.0**19))


@given(SIZES, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_quantile_is_numpys_or_up_to_a_256th_above(
    sizes: NDArray[np.float64], share: float
) -> None:
    exact = np.quantile(sizes, share, method="inverted_cdf")
    found = quantile_at_most(counts_by_size(sizes), share)
    assert exact <= found <= exact * (1 + 2**-8)


@given(SIZES, SIZES)
def test_counts_of_all_are_the_sum_of_the_counts_of_parts(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> None:
    whole = counts_by_size(np.concatenate([first, second]))
    assert np.array_equal(whole, counts_by_size(first) + counts_by_size(second))
    assert whole.sum() == len(first) + len(second)


@pytest.mark.parametrize("size", [0.0, 5e-324, 2.0**-61, 2.0**30, 1e300])
def test_sizes_outside_of_the_bins_are_counted_too(size: float) -> None:
    assert counts_by_size(np.array([size])).sum() == 1


def test_shape_of_the_sizes_does_not_matter() -> None:
    sizes = np.random.default_rng(0).uniform(size=(3, 5))
    assert np.array_equal(counts_by_size(sizes), counts_by_size(sizes.ravel()))


def test_counts_by_power_are_those_between_powers_of_two() -> None:
    sizes = np.abs(np.random.default_rng(0).normal(scale=1e-6, size=10_000))
    sizes[:7] = 0
    found = counts_by_power(counts_by_size(sizes))
    edges = [edge for edge, _ in found]
    assert edges[0] == 2.0**-60
    assert all(np.log2(edges) == np.round(np.log2(edges)))
    expected = np.histogram(sizes, [0, *edges])[0]
    assert [count for _, count in found] == expected.tolist()
    assert sum(count for _, count in found) == 10_000


def test_counts_by_power_of_zeros_alone() -> None:
    assert counts_by_power(counts_by_size(np.zeros(3))) == [(2.0**-60, 3)]
