"""Networks of linear layers in float64, with the Hessians of their losses in closed form.

A network of one layer is z_NK = x_ND W^T with W [K, D]; of two it is x_ND (W2 W1)^T with W1 [H, D]
and W2 [K, H]. There are no biases: a column of ones in x is one. Weights are one flat vector, layer
after layer, each row by row, so that a Hessian is a matrix.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from artifacts.study_records import StudiedLoss
from studies.output_losses import losses_of, output_curvature, output_gradient, units_of

MOST_LBFGS_STEPS = 3_000
MOST_NEWTON_STEPS = 100
LEAST_STEP = 1e-9  # of Newton's: less changes nothing but the rounding
FLAT = 1e-12  # norm of a gradient


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is to be learned.

    Attributes:
        inputs_ND: float64.
        labels_N: int64.
        classes: K.
        hidden: H of a network with two layers; None: there is a single one.
        loss: what is made small: its mean over the examples.
    """

    inputs_ND: Tensor
    labels_N: Tensor
    classes: int
    hidden: int | None
    loss: StudiedLoss

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Of the weights, first layer first: outputs, inputs."""
        hidden = [] if self.hidden is None else [self.hidden]
        widths = (self.inputs_ND.shape[1], *hidden, self.classes)
        return [(after, before) for before, after in itertools.pairwise(widths)]

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def origin(self) -> Tensor:
        """All weights zero."""
        return torch.zeros(self.parameters, dtype=torch.float64)

    def layers(self, weights: Tensor) -> list[Tensor]:
        """Return the matrices of a flat vector of weights."""
        parts = torch.split(weights, [math.prod(shape) for shape in self.shapes])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def product(self, weights: Tensor) -> Tensor:
        """Return what all layers do together, [K, D]."""
        first, *others = self.layers(weights)
        return others[0] @ first if others else first

    def value(self, weights: Tensor) -> Tensor:
        """Return the loss, a float64 scalar, of a flat vector of weights."""
        outputs_NK = self.inputs_ND @ self.product(weights).T
        return losses_of(self.loss, outputs_NK, self.labels_N).mean()

    def product_gradient(self, product_KD: Tensor) -> Tensor:
        """Return the gradient [K, D] in the product of all layers, in closed form."""
        outputs_NK = self.inputs_ND @ product_KD.T
        errors_NK = output_gradient(self.loss, outputs_NK, self.labels_N)
        return errors_NK.T @ self.inputs_ND / len(self.inputs_ND)

    def product_hessian(self, product_KD: Tensor) -> Tensor:
        """Return the Hessian [K D, K D] in the product of all layers, in closed form.

        It is the mean over the examples of C (x) x x^T, where C [K, K] is the curvature of the loss
        in the outputs: positive semidefinite wherever every C is.
        """
        outputs_NK = self.inputs_ND @ product_KD.T
        curvature_NKK = output_curvature(self.loss, outputs_NK, self.labels_N)
        blocks = torch.einsum("nij,na,nb->iajb", curvature_NKK, self.inputs_ND, self.inputs_ND)
        return blocks.reshape(product_KD.numel(), -1) / len(self.inputs_ND)


def hessian(problem: Problem, weights: Tensor) -> Tensor:
    """Return the Hessian by automatic differentiation, [parameters, parameters]."""
    found: Tensor = torch.autograd.functional.hessian(problem.value, weights)  # type: ignore[no-untyped-call]
    return found


def closed_form_hessian(problem: Problem, weights: Tensor) -> Tensor:
    """Return the same by theory, [parameters, parameters].

    Of one layer it is the Hessian in the product, which is its weights. Of two, with P = W2 W1, it
    is D^T (Hessian in P) D, where D is the derivative of P, and for each hidden unit h the gradient
    in P, G [K, D], between W2's column h and W1's row h: since P is no linear function of the
    weights.
    """
    product_KD = problem.product(weights)
    in_product = problem.product_hessian(product_KD)
    if problem.hidden is None:
        return in_product
    first_HD, second_KH = problem.layers(weights)
    hidden, inputs = first_HD.shape
    same_class_KK, same_input_DD, same_unit_HH = (
        torch.eye(size, dtype=torch.float64) for size in (problem.classes, inputs, hidden)
    )
    by_first = torch.einsum("kh,de->kdhe", second_KH, same_input_DD)
    by_second = torch.einsum("kj,hd->kdjh", same_class_KK, first_HD)
    derivative = torch.cat([by_first.flatten(2), by_second.flatten(2)], dim=2).flatten(0, 1)
    gradient_KD = problem.product_gradient(product_KD)
    between = torch.einsum("kd,hj->hdkj", gradient_KD, same_unit_HH)
    between = between.reshape(first_HD.numel(), second_KH.numel())
    found = derivative.T @ in_product @ derivative
    found[: first_HD.numel(), first_HD.numel() :] += between
    found[first_HD.numel() :, : first_HD.numel()] += between.T
    return found


def origin_eigenvalues(problem: Problem) -> Tensor:
    """Return the eigenvalues of two layers' Hessian at the origin by theory, ascending.

    There the loss is, up to second order, its value plus <G, W2 W1>, where G [K, D] is the gradient
    in the product. Each singular value s of G gives, for each of the H hidden units, the
    eigenvalues +s and -s; all others are zero. So the origin is a saddle of every loss whose G is
    not zero.
    """
    assert problem.hidden is not None
    gradient_KD = problem.product_gradient(problem.product(problem.origin))
    singular = torch.linalg.svdvals(gradient_KD).repeat_interleave(problem.hidden)
    others = torch.zeros(problem.parameters - 2 * len(singular), dtype=torch.float64)
    return torch.cat([singular, -singular, others]).sort().values


def smallest_eigenvalue(matrix: Tensor) -> float:
    """Return the smallest eigenvalue of a symmetric matrix."""
    return float(torch.linalg.eigvalsh(matrix)[0])


def trained(problem: Problem, start: Tensor) -> Tensor:
    """Return weights with a small loss: by L-BFGS with a line search, from `start` on."""
    weights = start.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [weights],
        max_iter=MOST_LBFGS_STEPS,
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = problem.value(weights)
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach()


def least_loss(problem: Problem) -> float:
    """Return the least loss of any product of the layers, that of a single convex one.

    It is the least of two layers too, if the hidden one is wide enough to make every matrix. By
    least squares, or for cross-entropy by Newton's method; where the classes can be separated that
    has no minimum, and the last of its steps is near the limit, zero.
    """
    assert problem.loss != "mse-of-probabilities", "which has no convex problem"
    single = replace(problem, hidden=None)
    weights = newton(single) if problem.loss == "cross-entropy" else least_squares(single).flatten()
    return float(single.value(weights))


def least_squares(problem: Problem) -> Tensor:
    """Return the layer [K, D] whose outputs are nearest to the labels' unit vectors."""
    shape = torch.zeros(len(problem.inputs_ND), problem.classes, dtype=torch.float64)
    units_NK = units_of(problem.labels_N, shape)
    solution_DK: Tensor = torch.linalg.lstsq(problem.inputs_ND, units_NK).solution
    return solution_DK.T


def newton(problem: Problem) -> Tensor:
    """Return the minimum of a single layer's convex loss, by Newton's method with halved steps.

    The Hessian is singular along what adds the same to all outputs, so a step is the shortest one
    that solves the equations.
    """
    weights = problem.origin
    for _ in range(MOST_NEWTON_STEPS):
        gradient = problem.product_gradient(problem.product(weights)).flatten()
        if float(gradient.norm()) < FLAT:
            break
        curvature = closed_form_hessian(problem, weights)
        step = torch.linalg.lstsq(curvature, gradient, driver="gelsd").solution
        length, before = 1.0, problem.value(weights)
        while problem.value(weights - length * step) > before and length > LEAST_STEP:
            length /= 2
        if length <= LEAST_STEP:
            break
        weights = weights - length * step
    return weights


def chord(problem: Problem, first: Tensor, second: Tensor, shares: Sequence[float]) -> list[float]:
    """Return the losses on the straight line between two weights, at those shares of the way."""
    return [float(problem.value(torch.lerp(first, second, share))) for share in shares]
