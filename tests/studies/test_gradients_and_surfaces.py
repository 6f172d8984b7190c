"""Gradients at confident mistakes, surfaces around solutions, curvature of one layer."""

import math

import pytest
import torch

from artifacts.study_records import StudiedLoss
from studies.confident_mistakes import LOSSES, MOST_SEEN, confident_mistakes
from studies.grids import surface_of
from studies.loss_surface import SCALES, one_layer, surface_around
from studies.softmax_regression import Examples, Layers
from tests.studies.problems import CLASSES, problem

OUTPUTS = torch.tensor([[5.0, 0, 0], [0, 9, 0], [0, 0, 2]])
LABELS = torch.tensor([0, 0, 1])  # the first is right


def test_gradient_of_two_classes_is_the_textbooks() -> None:
    found = confident_mistakes(OUTPUTS[:, :2], torch.tensor([1, 0, 0]), margins=(0.0, 3.0))
    for chance, cross_entropy, mse in zip(
        found.confidences, found.cross_entropy, found.mse, strict=True
    ):
        # Of the sigmoid p: (p - y), and 4 (p - y) p (1 - p), in both outputs with opposite signs.
        assert cross_entropy == pytest.approx(math.sqrt(2) * chance)
        assert mse == pytest.approx(math.sqrt(2) * 4 * chance * chance * (1 - chance))
    assert found.confidences[1] == pytest.approx(1 / (1 + math.exp(-3)))


def test_gradient_of_squares_vanishes_where_the_mistake_is_sure() -> None:
    found = confident_mistakes(OUTPUTS, LABELS)
    assert found.confidences[0] == pytest.approx(1 / 3)
    assert found.confidences[-1] > 0.999999
    assert found.cross_entropy[-1] == pytest.approx(math.sqrt(2), rel=1e-6)
    assert found.mse[-1] < 1e-6
    assert found.largest_difference < 1e-12


def test_real_mistakes_are_those_of_the_outputs_most_confident_first() -> None:
    found = confident_mistakes(OUTPUTS, LABELS)
    assert found.seen_of == 2
    chances = torch.softmax(OUTPUTS.double(), dim=1)
    assert found.seen_confidences == pytest.approx([float(chances[1, 1]), float(chances[2, 2])])
    assert found.seen_cross_entropy[0] > found.seen_cross_entropy[1]
    assert found.seen_mse[0] < found.seen_mse[1]


def test_no_mistakes_and_many_are_told() -> None:
    none = confident_mistakes(OUTPUTS, torch.tensor([0, 1, 2]))
    assert (none.seen_of, none.seen_confidences) == (0, ())
    many = confident_mistakes(OUTPUTS[:1].repeat(450, 1), torch.ones(450, dtype=torch.int64))
    assert many.seen_of == 450
    assert 100 < len(many.seen_mse) <= MOST_SEEN


@pytest.mark.parametrize("loss", LOSSES)
def test_surface_is_the_loss_of_the_moved_weights(loss: StudiedLoss) -> None:
    one = problem(loss)
    examples = Examples(inputs_NP=one.inputs_ND.float(), labels_N=one.labels_N, classes=CLASSES)
    generator = torch.Generator().manual_seed(3)
    layers = Layers(
        weights_RKP=torch.randn(1, CLASSES, 3, generator=generator),
        biases_RK=torch.zeros(1, CLASSES),
    )
    found = surface_around(loss, layers, examples, torch.Generator().manual_seed(4))
    on_axis = found.losses[found.second.index(0.0)]
    weights = layers.weights_RKP[0].double().flatten()
    for share in (-2.0, -1.0, 0.0, 1.0):
        expected = float(one.value((1 + share) * weights))
        assert on_axis[found.first.index(share)] == pytest.approx(expected, rel=1e-6)
    # A random direction as long as the solution moves the loss too.
    assert found.losses[0][found.first.index(0.0)] != pytest.approx(on_axis[0])
    is_convex = found.highest_bulge < 1e-12
    assert is_convex == (loss == "cross-entropy")


def test_bulge_is_the_height_above_the_neighbours_middle() -> None:
    grid = (0.0, 1.0, 2.0)
    flat = surface_of(grid, grid, lambda a, b: a + 2 * b)
    assert flat.highest_bulge == pytest.approx(0, abs=1e-12)
    assert flat.losses[2][1] == 5.0
    hill = surface_of(grid, grid, lambda a, b: 1.0 if (a, b) == (1, 1) else 0.0)
    assert hill.highest_bulge == 1.0
    assert surface_of(grid, grid, lambda a, b: a * a + b * b).highest_bulge == -1.0


def test_one_layer_is_convex_for_cross_entropy_alone() -> None:
    one = problem("cross-entropy")
    inputs = torch.cat([one.inputs_ND, torch.ones(len(one.inputs_ND), 1).double()], dim=1)
    found = one_layer(inputs, one.labels_N, CLASSES)
    cross_entropy, mse = found.lines
    assert (cross_entropy.loss, mse.loss) == LOSSES
    assert min(cross_entropy.eigenvalues) > -1e-12
    assert min(mse.eigenvalues) < -1e-3
    assert max(cross_entropy.hessian_difference, mse.hessian_difference) < 1e-10
    assert cross_entropy.losses[SCALES.index(0.0)] == pytest.approx(math.log(CLASSES))
    assert mse.losses[SCALES.index(0.0)] == pytest.approx(1 - 1 / CLASSES)
    assert max(mse.losses) <= 2
