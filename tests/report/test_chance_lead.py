"""What chance alone gives the best of several: against tables, and against drawing it."""

import math

import numpy as np
import pytest

from report.chance_lead import ChanceLead, chance_lead


@pytest.mark.parametrize(
    ("candidates", "largest"),  # mean of the largest of N normal numbers (Harter 1961)
    [(2, 1 / math.sqrt(math.pi)), (3, 0.84628), (10, 1.53875), (30, 2.04276), (400, 2.96818)],
)
def test_mean_lead_is_the_tabled_mean_of_the_largest(candidates: int, largest: float) -> None:
    deviation = math.sqrt(0.9 * 0.1 / 2500)
    assert chance_lead(candidates, 0.9, 2500).mean == pytest.approx(largest * deviation, rel=1e-4)


def test_leads_are_those_of_binomial_counts() -> None:
    counts = np.random.default_rng(0).binomial(1000, 0.9, size=(40_000, 12))
    leads = (counts.max(axis=1) - counts[:, 0]) / 1000
    found = chance_lead(12, 0.9, 1000)
    assert found.mean == pytest.approx(leads.mean(), rel=0.03)  # counts are skewed
    assert found.rare == pytest.approx(np.quantile(leads, 0.95), abs=1e-3)  # an image's worth


def test_images_in_common_make_leads_smaller() -> None:
    random = np.random.default_rng(0)
    hardness = random.uniform(-3, 3, size=1000)  # the same images are hard for all
    rates = 1 / (1 + np.exp(hardness - 2.5))
    right = random.random((1000, 12, 1000)) < rates
    accuracies = right.mean(axis=2)
    leads = accuracies.max(axis=1) - accuracies[:, 0]
    bound = chance_lead(12, float(accuracies.mean()), 1000)
    assert leads.mean() < bound.mean
    assert np.quantile(leads, 0.95) < bound.rare


@pytest.mark.parametrize(("candidates", "accuracy"), [(1, 0.9), (30, 1.0), (30, 0.0)])
def test_there_is_no_lead_of_one_alone_or_without_doubt(candidates: int, accuracy: float) -> None:
    assert chance_lead(candidates, accuracy, 1000) == ChanceLead(mean=0.0, rare=0.0)


def test_very_many_candidates_are_no_trouble() -> None:
    found = chance_lead(10_000, 0.5, 2500)
    assert found.mean == pytest.approx(3.85162 * 0.01, rel=1e-4)
    assert found.mean < found.rare < 0.1
