"""Hessians and eigenvalues in closed form against automatic differentiation; minima by scipy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from artifacts.study_records import StudiedLoss
from studies.linear_network import (
    Problem,
    closed_form_hessian,
    hessian,
    least_loss,
    newton,
    origin_eigenvalues,
    smallest_eigenvalue,
)
from tests.studies.problems import CLASSES, problem, weights_for

CONVEX: tuple[StudiedLoss, ...] = ("mse-of-outputs", "cross-entropy")
ALL: tuple[StudiedLoss, ...] = (*CONVEX, "mse-of-probabilities")


@pytest.mark.parametrize("loss", CONVEX)
def test_value_is_that_of_numpy(loss: StudiedLoss) -> None:
    one = problem(loss, hidden=2)
    weights = weights_for(one)
    first, second = (layer.numpy() for layer in one.layers(weights))
    outputs = one.inputs_ND.numpy() @ first.T @ second.T
    units = np.eye(CLASSES)[one.labels_N.numpy()]
    if loss == "mse-of-outputs":
        expected = ((outputs - units) ** 2).sum(axis=1).mean()
    else:
        chances = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        expected = -np.log((chances * units).sum(axis=1)).mean()
    assert float(one.value(weights)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("hidden", [None, 2, 5])
def test_hessian_is_the_closed_form(loss: StudiedLoss, hidden: int | None) -> None:
    one = problem(loss, hidden=hidden)
    for point in (one.origin, weights_for(one, 0), weights_for(one, 1)):
        closed = closed_form_hessian(one, point)
        torch.testing.assert_close(hessian(one, point), closed, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", CONVEX)
def test_hessian_of_one_layer_is_nowhere_negative(loss: StudiedLoss) -> None:
    one = problem(loss)
    least = [smallest_eigenvalue(hessian(one, weights_for(one, seed))) for seed in range(5)]
    assert min(least) > -1e-12


def test_hessian_of_one_layer_is_negative_somewhere_for_squares_of_probabilities() -> None:
    one = problem("mse-of-probabilities")
    least = [smallest_eigenvalue(hessian(one, weights_for(one, seed))) for seed in range(5)]
    assert min(least) < -0.001


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("hidden", [1, 2, 6])
def test_hessian_at_the_origin_of_two_layers_has_the_eigenvalues_of_theory(
    loss: StudiedLoss, hidden: int
) -> None:
    one = problem(loss, hidden=hidden)
    found = torch.linalg.eigvalsh(hessian(one, one.origin))
    torch.testing.assert_close(found, origin_eigenvalues(one), rtol=1e-10, atol=1e-12)
    assert found[0] < -0.01


@pytest.mark.parametrize("loss", ALL)
def test_product_gradient_is_that_of_automatic_differentiation(loss: StudiedLoss) -> None:
    one = problem(loss)
    weights = weights_for(one).requires_grad_(True)
    (gradient,) = torch.autograd.grad(one.value(weights), weights)
    product = one.product(weights.detach())
    torch.testing.assert_close(one.product_gradient(product).flatten(), gradient)


@pytest.mark.parametrize("loss", CONVEX)
def test_least_loss_is_that_of_scipy(loss: StudiedLoss) -> None:
    one = problem(loss)

    def value_and_gradient(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        product = one.product(torch.from_numpy(weights))
        gradient = one.product_gradient(product).flatten().numpy()
        return float(one.value(torch.from_numpy(weights))), gradient

    expected = minimize(
        value_and_gradient, np.zeros(one.parameters), jac=True, method="BFGS", tol=1e-7
    )
    assert least_loss(one) == pytest.approx(expected.fun, abs=1e-9)
    assert least_loss(problem(loss, hidden=CLASSES)) == least_loss(one)


def test_newton_ends_where_nothing_pulls() -> None:
    one = problem("cross-entropy")
    assert one.product_gradient(one.product(newton(one))).norm() < 1e-10


def test_newton_of_separable_classes_ends_near_zero() -> None:
    inputs = torch.tensor([[-1.0, 1], [-2, 1], [1, 1], [2, 1]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1, 1])
    one = Problem(inputs_ND=inputs, labels_N=labels, classes=2, hidden=None, loss="cross-entropy")
    found: Tensor = newton(one)
    assert 0 <= float(one.value(found)) < 1e-6
