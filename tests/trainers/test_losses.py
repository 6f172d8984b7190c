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


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gradient_is_that_of_its_formula(loss: Loss, smoothing: float) -> None:
    logits = torch.from_numpy(LOGITS.copy()).requires_grad_()
    mean = mean_loss(loss, logits, torch.from_numpy(LABELS), label_smoothing=smoothing)
    mean.backward()  # type: ignore[no-untyped-call]
    exponentials = np.exp(LOGITS.astype(np.float64))
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    distance = p - (np.eye(4)[LABELS] * (1 - smoothing) + smoothing / 4)
    by_hand = distance
    if loss == "mse":
        by_hand = 2 * p * (distance - (distance * p).sum(axis=1, keepdims=True))
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), by_hand / 11, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_stays_float32_where_the_network_computes_in_bfloat16(loss: Loss) -> None:
    logits, labels = torch.from_numpy(LOGITS).bfloat16(), torch.from_numpy(LABELS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = mean_loss(loss, logits, labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, mean_loss(loss, logits.float(), labels))


@pytest.mark.parametrize("loss", LOSSES)
def test_no_examples_are_no_loss_and_no_gradient(loss: Loss) -> None:
    weight = torch.ones(3, 4, requires_grad=True)
    nothing = mean_loss(loss, torch.zeros(0, 3) @ weight, torch.zeros(0, dtype=torch.int64))
    nothing.backward()  # type: ignore[no-untyped-call]
    assert nothing.item() == 0
    assert torch.equal(weight.grad if weight.grad is not None else weight, torch.zeros(3, 4))
