"""Values, gradients and curvatures in closed form against PyTorch and automatic differentiation."""

import pytest
import torch
from scipy.special import softmax
from torch import Tensor, nn

from artifacts.study_records import StudiedLoss
from studies.output_losses import losses_of, output_curvature, output_gradient

LOSSES: tuple[StudiedLoss, ...] = ("cross-entropy", "mse-of-outputs", "mse-of-probabilities")


@pytest.fixture
def outputs_NK() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(20, 4, generator=generator, dtype=torch.float64)


@pytest.fixture
def labels_N() -> Tensor:
    return torch.randint(4, (20,), generator=torch.Generator().manual_seed(1))


def test_cross_entropy_is_that_of_torch(outputs_NK: Tensor, labels_N: Tensor) -> None:
    expected = nn.functional.cross_entropy(outputs_NK, labels_N, reduction="none")
    torch.testing.assert_close(losses_of("cross-entropy", outputs_NK, labels_N), expected)


@pytest.mark.parametrize("loss", ["mse-of-outputs", "mse-of-probabilities"])
def test_squares_are_those_of_numpy(
    loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor
) -> None:
    found = outputs_NK.numpy() if loss == "mse-of-outputs" else softmax(outputs_NK.numpy(), axis=1)
    units = torch.eye(4, dtype=torch.float64)[labels_N].numpy()
    expected = torch.from_numpy(((found - units) ** 2).sum(axis=1))
    torch.testing.assert_close(losses_of(loss, outputs_NK, labels_N), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_several_axes_are_those_of_each(
    loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor
) -> None:
    both = losses_of(loss, outputs_NK.reshape(4, 5, 4), labels_N.reshape(4, 5))
    torch.testing.assert_close(both.flatten(), losses_of(loss, outputs_NK, labels_N))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_that_of_automatic_differentiation(
    loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor
) -> None:
    leaf = outputs_NK.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(losses_of(loss, leaf, labels_N).sum(), leaf)
    torch.testing.assert_close(output_gradient(loss, outputs_NK, labels_N), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_curvature_is_that_of_automatic_differentiation(
    loss: StudiedLoss, outputs_NK: Tensor, labels_N: Tensor
) -> None:
    found = output_curvature(loss, outputs_NK, labels_N)
    for example in range(len(labels_N)):
        label = labels_N[example : example + 1]
        expected = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
            lambda z, label=label: losses_of(loss, z[None], label).sum(), outputs_NK[example]
        )
        torch.testing.assert_close(found[example], expected, rtol=1e-9, atol=1e-12)


def test_only_the_squares_of_probabilities_are_curved_downwards(
    outputs_NK: Tensor, labels_N: Tensor
) -> None:
    least = {
        loss: float(torch.linalg.eigvalsh(output_curvature(loss, outputs_NK, labels_N)).min())
        for loss in LOSSES
    }
    assert least["cross-entropy"] > -1e-12
    assert least["mse-of-outputs"] == pytest.approx(2)
    assert least["mse-of-probabilities"] < -0.01
