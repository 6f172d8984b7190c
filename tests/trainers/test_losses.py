import numpy as np
import pytest
import torch

from artifacts.choices import LOSSES, Loss
from trainers.losses import loss_sum, mean_loss

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(11, 4)).astype(np.float32) * 3
LABELS = np.arange(11) % 4


def in_numpy(loss: Loss, smoothing: float) -> np.ndarray:
    """The loss of each example, in float64."""
    exponentials = np.exp(LOGITS.astype(np.float64))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    targets = np.eye(4)[LABELS] * (1 - smoothing) + smoothing / 4
    if loss == "mse":
        return np.asarray(((probabilities - targets) ** 2).sum(axis=1))
    return np.asarray(-(targets * np.log(probabilities)).sum(axis=1))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_loss_is_that_of_its_formula(loss: Loss, smoothing: float) -> None:
    logits, labels = torch.from_numpy(LOGITS), torch.from_numpy(LABELS)
    mean = mean_loss(loss, logits, labels, label_smoothing=smoothing)
    assert mean.item() == pytest.approx(in_numpy(loss, smoothing).mean(), rel=1e-6)
    assert loss_sum(loss, logits, labels).item() == pytest.approx(
        in_numpy(loss, 0.0).sum(), rel=1e-6
    )


def test_gradient_of_mse_is_that_of_its_formula() -> None:
    logits = torch.from_numpy(LOGITS.copy()).requires_grad_()
    mean_loss("mse", logits, torch.from_numpy(LABELS)).backward()  # type: ignore[no-untyped-call]
    exponentials = np.exp(LOGITS.astype(np.float64))
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    outer = 2 * (p - np.eye(4)[LABELS])
    by_hand = p * (outer - (outer * p).sum(axis=1, keepdims=True)) / 11
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), by_hand, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_examples_are_no_loss_and_no_gradient(loss: Loss) -> None:
    weight = torch.ones(3, 4, requires_grad=True)
    nothing = mean_loss(loss, torch.zeros(0, 3) @ weight, torch.zeros(0, dtype=torch.int64))
    nothing.backward()  # type: ignore[no-untyped-call]
    assert nothing.item() == 0
    assert torch.equal(weight.grad if weight.grad is not None else weight, torch.zeros(3, 4))
