"""The losses of a single layer: on a plane around a solution, and on a line with its curvature."""

import torch
from torch import Tensor

from artifacts.losses_records import LineOfLoss, OneLayer
from artifacts.study_records import StudiedLoss, Surface
from studies.confident_mistakes import LOSSES
from studies.grids import surface_of
from studies.linear_network import (
    Problem,
    closed_form_hessian,
    hessian,
    least_squares,
    smallest_eigenvalue,
)
from studies.output_losses import losses_of
from studies.softmax_regression import Examples, Layers

# Of the solution's weights: at -1 all outputs are zero but for the second direction, at -2 every
# answer is turned round.
ALONG = tuple(step / 10 for step in range(-40, 21, 2))
ACROSS = tuple(step / 10 for step in range(-30, 31, 2))
MOST_EXAMPLES = 2_000  # that a surface needs
SCALES = tuple(step / 2 for step in range(-20, 21))  # root mean square of the outputs


def surface_around(
    loss: StudiedLoss, layers: Layers, examples: Examples, generator: torch.Generator
) -> Surface:
    """Return the mean loss of the examples around a solution, in float64.

    The first direction is the solution itself, so the plane has the origin in it; the second is
    random, with the solution's norm in each class's row (as Li et al. 2018 make theirs).

    Args:
        loss: which.
        layers: of one replica: the solution.
        examples: that it learned from, or some of them.
        generator: of the random direction.
    """
    ones = torch.ones(len(examples), 1, dtype=torch.float64)
    inputs_ND = torch.cat([examples.inputs_NP.double(), ones], dim=1)
    solution_KD = torch.cat([layers.weights_RKP[0], layers.biases_RK[0, :, None]], dim=1).double()
    random_KD = torch.randn(solution_KD.shape, generator=generator, dtype=torch.float64)
    random_KD *= solution_KD.norm(dim=1, keepdim=True) / random_KD.norm(dim=1, keepdim=True)
    # Outputs are linear in the weights: two products of matrices serve all points of the grid.
    along_NK, across_NK = inputs_ND @ solution_KD.T, inputs_ND @ random_KD.T

    def loss_at(first: float, second: float) -> float:
        outputs_NK = (1 + first) * along_NK + second * across_NK
        return float(losses_of(loss, outputs_NK, examples.labels_N).mean())

    return surface_of(ALONG, ACROSS, loss_at)


def one_layer(inputs_ND: Tensor, labels_N: Tensor, classes: int) -> OneLayer:
    """Return both losses and their curvature along a line through the origin.

    The line is the classifier of least squares, scaled until the root mean square of its outputs is
    1, times a number: where that is negative the answers are turned round, and confidently wrong
    ones are many.

    Args:
        inputs_ND: float64, with a column of ones.
        labels_N: int64.
        classes: K.
    """
    lines = []
    for loss in LOSSES:
        problem = Problem(
            inputs_ND=inputs_ND, labels_N=labels_N, classes=classes, hidden=None, loss=loss
        )
        layer_KD = least_squares(problem)
        layer_KD = layer_KD / (inputs_ND @ layer_KD.T).square().mean().sqrt()
        points = [scale * layer_KD.flatten() for scale in SCALES]
        found = [hessian(problem, point) for point in points]
        expected = [closed_form_hessian(problem, point) for point in points]
        pairs = zip(found, expected, strict=True)
        lines.append(
            LineOfLoss(
                loss=loss,
                losses=tuple(float(problem.value(point)) for point in points),
                eigenvalues=tuple(smallest_eigenvalue(matrix) for matrix in found),
                hessian_difference=max(float((one - other).abs().max()) for one, other in pairs),
                hessian_entry=max(float(matrix.abs().max()) for matrix in expected),
            )
        )
    return OneLayer(
        examples=len(inputs_ND),
        components=inputs_ND.shape[1] - 1,
        scales=SCALES,
        lines=(lines[0], lines[1]),
    )
