"""Scores against those of `evaluate` and sklearn; intervals and tests against those of others."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import binomtest, ttest_1samp
from sklearn.metrics import log_loss

from artifacts.statistics import wilson_interval
from studies.estimates import estimate_of, interval_of_mean, paired_counts
from studies.scores import scores_of
from tests.evaluate.test_accuracy import accuracy_from_logits


def test_scores_are_those_of_evaluate_and_sklearn() -> None:
    random = np.random.default_rng(0)
    logits = (3 * random.normal(size=(500, 4))).astype(np.float32)
    labels = random.integers(0, 4, 500)
    found = scores_of(torch.from_numpy(logits), torch.from_numpy(labels))
    expected = accuracy_from_logits(logits, labels)
    chances = softmax(logits.astype(np.float64), axis=1)
    assert found.correct == expected.correct
    assert found.calibration_error == pytest.approx(expected.calibration_error, rel=1e-9)
    assert found.negative_log_likelihood == pytest.approx(log_loss(labels, chances))
    brier = ((chances - np.eye(4)[labels]) ** 2).sum(axis=1).mean()
    assert found.brier_score == pytest.approx(brier)


def test_calibration_error_of_one_who_is_sure_and_wrong_is_one() -> None:
    outputs = torch.tensor([[50.0, 0], [0, 50]])
    assert scores_of(outputs, torch.tensor([1, 0])).calibration_error == pytest.approx(1)
    assert scores_of(outputs, torch.tensor([0, 1])).calibration_error == pytest.approx(0, abs=1e-9)


def test_interval_of_a_mean_is_that_of_scipys_t_test() -> None:
    values = [0.9, 0.91, 0.93, 0.89, 0.92]
    found = estimate_of(values)
    interval = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.ci95 == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(0.91)
    assert (found.smallest, found.largest) == (0.89, 0.93)


def test_interval_of_seeds_that_agree_has_no_width() -> None:
    assert estimate_of([0.5, 0.5, 0.5]).ci95 == (0.5, 0.5)


def test_interval_ends_where_no_mean_can_lie() -> None:
    found = estimate_of([0.99, 1.0, 1.0], least=0, most=1)
    assert found.ci95[1] == 1
    assert found.ci95[0] < 0.99
    assert estimate_of([0.0, 0.0, 0.01], least=0).ci95[0] == 0


def test_wilson_interval_of_a_mean_is_no_narrower_with_more_seeds() -> None:
    expected = wilson_interval(341, 355)
    assert interval_of_mean([341], 355) == pytest.approx(expected)
    assert interval_of_mean([340, 341, 342], 355) == pytest.approx(expected)


@pytest.mark.parametrize(("only_first", "only_second"), [(9, 2), (0, 0), (4, 4), (0, 6)])
def test_paired_counts_have_the_p_value_of_scipys_binomial_test(
    only_first: int, only_second: int
) -> None:
    first = np.array([True] * only_first + [False] * only_second + [True, False])
    second = np.array([False] * only_first + [True] * only_second + [True, False])
    found = paired_counts(first, second)
    assert (found.only_cross_entropy, found.only_mse) == (only_first, only_second)
    discordant = only_first + only_second
    expected = binomtest(only_first, discordant).pvalue if discordant else 1.0
    assert found.mcnemar_p == pytest.approx(expected)
