import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from artifacts.changes import accuracy_change_interval, lies_below
from tests.evaluate.records import accuracy_of

PROPORTIONS = st.integers(2, 5_000).flatmap(
    lambda examples: st.tuples(st.integers(1, examples - 1), st.just(examples))
)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        # Newcombe 1998, table II: method 10 of contrasts a, c and f.
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ],
)
def test_interval_of_the_change_is_newcombes(
    counts: tuple[int, int, int, int], wanted: tuple[float, float]
) -> None:
    now, was = accuracy_of(*counts[:2]), accuracy_of(*counts[2:])
    assert accuracy_change_interval(now, was) == pytest.approx(wanted, abs=5e-5)


def score_bounds(correct: int, examples: int) -> tuple[float, float]:
    """Where the score test just rejects, found by bisection rather than by Wilson's formula."""
    share = correct / examples

    def rejects(true: float) -> float:
        return abs(share - true) - 1.959963984540054 * math.sqrt(true * (1 - true) / examples)

    return (
        brentq(rejects, 1e-12, share, xtol=1e-14),
        brentq(rejects, share, 1 - 1e-12, xtol=1e-14),
    )


@given(PROPORTIONS, PROPORTIONS)
def test_interval_of_the_change_is_that_of_bounds_found_by_bisection(
    now: tuple[int, int], was: tuple[int, int]
) -> None:
    first, second = now[0] / now[1], was[0] / was[1]
    low, high = score_bounds(*now)
    earlier_low, earlier_high = score_bounds(*was)
    wanted = (
        first - second - math.sqrt((first - low) ** 2 + (earlier_high - second) ** 2),
        first - second + math.sqrt((high - first) ** 2 + (second - earlier_low) ** 2),
    )
    found = accuracy_change_interval(accuracy_of(*now), accuracy_of(*was))
    assert found == pytest.approx(wanted, abs=1e-9)


@given(PROPORTIONS, PROPORTIONS)
def test_change_the_other_way_is_its_mirror(now: tuple[int, int], was: tuple[int, int]) -> None:
    assume(now != was)
    low, high = accuracy_change_interval(accuracy_of(*now), accuracy_of(*was))
    mirrored = accuracy_change_interval(accuracy_of(*was), accuracy_of(*now))
    assert mirrored == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    ("first", "second", "below"),
    [
        ((1.0, 1.9), (2.0, 3.0), True),
        ((1.0, 1.95), (2.0, 3.0), False),  # apart, but by less than two runs of one file differ
        ((1.0, 2.5), (2.0, 3.0), False),
        ((2.0, 3.0), (1.0, 1.9), False),
    ],
)
def test_interval_lies_below_by_more_than_two_runs_differ(
    first: tuple[float, float], second: tuple[float, float], below: bool
) -> None:
    assert lies_below(first, second) is below
