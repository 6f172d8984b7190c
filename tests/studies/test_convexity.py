"""What is convex, and what is not: one layer, two layers; and a check that can fail."""

from dataclasses import replace

import pytest
import torch

from artifacts.study_records import StudiedLoss
from report.convexity_study import is_convex
from studies.convexity import Effort, compared_hessians, convexity_of
from studies.linear_network import Problem
from tests.studies.problems import CLASSES, problem

QUICK = Effort(random_chords=100, starts=3, points=2)
CONVEX: tuple[StudiedLoss, ...] = ("mse-of-outputs", "cross-entropy")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("loss", CONVEX)
def test_one_layer_is_convex(loss: StudiedLoss) -> None:
    found = convexity_of(problem(loss), generator(), QUICK)
    assert is_convex(found)
    assert min(found.path_eigenvalues) > -1e-12
    assert found.random_chords_below == 0
    assert found.chord.highest_above <= 1e-12
    assert found.hessian_difference < 1e-12 * max(1, found.hessian_entry)
    assert max(found.start_losses) == pytest.approx(found.least_loss, rel=1e-9)
    assert found.scaled is None


@pytest.mark.parametrize("loss", CONVEX)
def test_two_layers_are_not_convex(loss: StudiedLoss) -> None:
    found = convexity_of(problem(loss, hidden=CLASSES), generator(), QUICK)
    assert not is_convex(found)
    assert found.origin_eigenvalue == pytest.approx(found.origin_eigenvalue_by_theory, rel=1e-9)
    assert found.origin_eigenvalue < -0.01
    assert found.path_eigenvalues[0] == found.origin_eigenvalue
    assert found.chord.losses[0] == pytest.approx(found.chord.losses[-1], rel=1e-12)
    assert found.chord.highest_above > 0.01
    assert found.random_chords_below > 0
    # Baldi and Hornik, Laurent and von Brecht: what training ends in is no worse for that.
    assert max(found.start_losses) == pytest.approx(found.least_loss, rel=1e-5)
    scaled = found.scaled
    assert scaled is not None
    trained = scaled.losses[scaled.second.index(1.0)][scaled.first.index(1.0)]
    assert trained == pytest.approx(min(found.start_losses))
    assert scaled.losses[scaled.second.index(-1.0)][scaled.first.index(-1.0)] == trained
    assert scaled.highest_bulge > 0


def test_hessian_of_another_problem_is_seen_to_differ() -> None:
    class Shifted(Problem):
        """A problem whose value is not that of its closed forms."""

        def value(self, weights: torch.Tensor) -> torch.Tensor:
            return super().value(weights) + 1e-6 * weights.square().sum()

    one = problem("mse-of-outputs")
    fields = {name: getattr(one, name) for name in ("inputs_ND", "labels_N", "classes", "hidden")}
    shifted = Shifted(loss="mse-of-outputs", **fields)
    assert compared_hessians(one, [one.origin])[0] < 1e-12
    assert compared_hessians(shifted, [one.origin])[0] == pytest.approx(2e-6)


def test_starts_of_a_hidden_layer_that_is_too_narrow_end_above_the_least() -> None:
    one = replace(problem("mse-of-outputs"), hidden=1)
    found = convexity_of(one, generator(), QUICK)
    assert min(found.start_losses) > found.least_loss + 1e-3
