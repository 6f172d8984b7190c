"""Which loss makes a network of linear layers a convex problem in its weights? Neither.

With one layer both losses are convex: their Hessian is a mean of positive semidefinite matrices at
every point. With two layers neither is: the outputs depend on the product of the two matrices, and
the Hessian at the origin has the eigenvalues +s and -s for every singular value s of the gradient
in that product. That a loss is convex in the *outputs* says nothing of the weights. What remains
true is another theorem: every local minimum is a global one (Baldi and Hornik 1989 for mean squared
error; Laurent and von Brecht 2018 for every convex loss), and there are saddles.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from artifacts.convexity_records import ConvexityOfLoss, ConvexityStudy, Curve
from artifacts.environment import current_environment
from artifacts.study_records import StudiedLoss
from data import Dataset
from studies.examples import THREADS, require_classes, small_examples
from studies.grids import surface_of
from studies.linear_network import (
    Problem,
    chord,
    closed_form_hessian,
    hessian,
    least_loss,
    newton,
    origin_eigenvalues,
    smallest_eigenvalue,
    trained,
)

LOSSES: tuple[StudiedLoss, ...] = ("mse-of-outputs", "cross-entropy")
PATH = tuple(step / 20 for step in range(25))  # from the origin on, past the trained weights
CHORD = tuple(step / 20 for step in range(21))
SCALES = tuple(step / 10 for step in range(-15, 16))  # of each layer's trained weights
SPREAD = 0.5  # standard deviation of random weights
# Of those that random chords lie between: near the saddle at zero. Between larger ones hardly any
# chord lies below the loss, of either depth, for all that the loss is not convex.
CHORD_SPREAD = 0.05
ROUNDING = 1e-12  # of a loss near 1 in float64, with room to spare

OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is looked at: of chords, trainings, and points where Hessians are compared."""

    random_chords: int = 1_000
    starts: int = 10
    points: int = 5


def convexity_study(
    dataset: Dataset, *, seed: int, command: str, on_step: OnStep, effort: Effort | None = None
) -> ConvexityStudy:
    """Return what both losses are with one and with two linear layers.

    The hidden layer is one wider than the inputs' components, so that the product of both layers
    can be any matrix, and the best of two layers is the best of one.

    Args:
        dataset: whose training images are learned, by their principal components.
        seed: of random weights.
        command: that is recorded.
        on_step: is told what is done, how much of it, of how much.
        effort: how much is looked at.

    Raises:
        UsageError: it has not from 2 to 20 classes, or too few examples.
    """
    began = time.monotonic()
    require_classes(dataset)
    torch.set_num_threads(THREADS)
    inputs_ND, labels_N = small_examples(dataset.train.images, dataset.train.labels, seed=seed)
    examples, inputs = inputs_ND.shape
    cases = [(loss, hidden) for loss in LOSSES for hidden in (None, inputs)]
    results = []
    for done, (loss, hidden) in enumerate(cases):
        on_step("losses and depths", done, len(cases))
        problem = Problem(
            inputs_ND=inputs_ND,
            labels_N=labels_N,
            classes=len(dataset.classes),
            hidden=hidden,
            loss=loss,
        )
        generator = torch.Generator().manual_seed(seed)
        results.append(convexity_of(problem, generator, effort or Effort()))
    on_step("losses and depths", len(cases), len(cases))
    return ConvexityStudy(
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        examples=examples,
        components=inputs - 1,
        hidden=inputs,
        classes=len(dataset.classes),
        separable=_is_separable(inputs_ND, labels_N, len(dataset.classes)),
        seed=seed,
        results=tuple(results),
        seconds=time.monotonic() - began,
        environment=current_environment(),
        command=command,
    )


def convexity_of(problem: Problem, generator: torch.Generator, effort: Effort) -> ConvexityOfLoss:
    """Return what was measured of one loss and depth."""

    def random(spread: float = SPREAD) -> Tensor:
        return spread * torch.randn(problem.parameters, generator=generator, dtype=torch.float64)

    is_deep = problem.hidden is not None
    ends = [trained(problem, random()) for _ in range(effort.starts)]
    end_losses = [float(problem.value(end)) for end in ends]
    best = ends[int(np.argmin(end_losses))]
    at_origin = hessian(problem, problem.origin)
    by_theory = (
        origin_eigenvalues(problem)
        if is_deep
        else torch.linalg.eigvalsh(closed_form_hessian(problem, problem.origin))
    )
    points = [problem.origin, best, *(random() for _ in range(effort.points))]
    difference, entry = compared_hessians(problem, points)
    return ConvexityOfLoss(
        loss=problem.loss,
        layers=2 if is_deep else 1,
        parameters=problem.parameters,
        origin_eigenvalue=smallest_eigenvalue(at_origin),
        origin_eigenvalue_by_theory=float(by_theory[0]),
        path_shares=PATH,
        path_eigenvalues=tuple(
            smallest_eigenvalue(hessian(problem, share * best)) for share in PATH
        ),
        hessian_points=len(points),
        hessian_difference=difference,
        hessian_entry=entry,
        # With both signs changed the product of two layers is the same, and so is the loss.
        chord=_curve(problem, *((best, -best) if is_deep else (random(), random()))),
        random_chords=effort.random_chords,
        chord_spread=CHORD_SPREAD,
        random_chords_below=sum(
            _rises_above_middle(problem, random(CHORD_SPREAD), random(CHORD_SPREAD))
            for _ in range(effort.random_chords)
        ),
        start_losses=tuple(end_losses),
        least_loss=least_loss(problem),
        scaled=surface_of(SCALES, SCALES, lambda a, b: _scaled_loss(problem, best, a, b))
        if is_deep
        else None,
    )


def compared_hessians(problem: Problem, points: Sequence[Tensor]) -> tuple[float, float]:
    """Return how far automatic differentiation is from the closed form, and the largest entry."""
    differences, entries = [], []
    for point in points:
        expected = closed_form_hessian(problem, point)
        differences.append(float((hessian(problem, point) - expected).abs().max()))
        entries.append(float(expected.abs().max()))
    return max(differences), max(entries)


def _scaled_loss(problem: Problem, weights: Tensor, first: float, second: float) -> float:
    one, two = problem.layers(weights)
    return float(problem.value(torch.cat([(first * one).flatten(), (second * two).flatten()])))


def _curve(problem: Problem, first: Tensor, second: Tensor) -> Curve:
    losses = chord(problem, first, second, CHORD)
    straight = [losses[0] + share * (losses[-1] - losses[0]) for share in CHORD]
    above = max(loss - line for loss, line in zip(losses, straight, strict=True))
    return Curve(shares=CHORD, losses=tuple(losses), highest_above=above)


def _rises_above_middle(problem: Problem, first: Tensor, second: Tensor) -> bool:
    start, middle, end = chord(problem, first, second, (0.0, 0.5, 1.0))
    return middle > (start + end) / 2 + ROUNDING * max(1.0, start, end)


def _is_separable(inputs_ND: Tensor, labels_N: Tensor, classes: int) -> bool:
    """Return whether the layer with the least cross-entropy gets every example right."""
    problem = Problem(
        inputs_ND=inputs_ND, labels_N=labels_N, classes=classes, hidden=None, loss="cross-entropy"
    )
    outputs_NK = inputs_ND @ problem.product(newton(problem)).T
    return bool((outputs_NK.argmax(dim=1) == labels_N).all())
