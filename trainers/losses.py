"""What training makes small."""

import torch
from torch import Tensor, nn

from artifacts.choices import Loss


def mean_loss(
    loss: Loss, logits_NK: Tensor, labels_N: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean loss an example, a float32 scalar; 0 where there is no example.

    `cross-entropy` is -log of the label's probability. `mse` is the squared distance between the
    probabilities and the label's unit vector, summed over the classes (Brier 1950). Label smoothing
    moves that share of the target evenly to all classes (Szegedy et al. 2016), in both.
    """
    if labels_N.shape[0] == 0:  # a process without a part of a short batch takes the step too
        return logits_NK.float().sum()
    if loss == "cross-entropy":
        return nn.functional.cross_entropy(logits_NK, labels_N, label_smoothing=label_smoothing)
    return _squared_distances(logits_NK, labels_N, label_smoothing).mean()


def loss_sum(loss: Loss, logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return the loss summed over the examples, without label smoothing; a float32 scalar."""
    if loss == "cross-entropy":
        return nn.functional.cross_entropy(logits_NK, labels_N, reduction="sum")
    return _squared_distances(logits_NK, labels_N, 0.0).sum()


def _squared_distances(logits_NK: Tensor, labels_N: Tensor, label_smoothing: float) -> Tensor:
    classes = logits_NK.shape[1]
    units_NK = nn.functional.one_hot(labels_N, classes)
    targets_NK = units_NK * (1 - label_smoothing) + label_smoothing / classes
    return (torch.softmax(logits_NK.float(), dim=1) - targets_NK).square().sum(dim=1)
