"""Networks without convolution: softmax regression and the multilayer perceptron."""

import itertools
from collections.abc import Sequence

from torch import nn

from models.hidden_layers import MLP_WIDTHS


def logistic(num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """Return softmax regression: one linear layer from all pixels to the logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(_pixels(in_channels, image_size), num_classes))


def mlp(
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
    *,
    widths: Sequence[int] = MLP_WIDTHS,
    dropout: float = 0.0,
) -> nn.Module:
    """Return a perceptron with hidden ReLU layers: 784-128-64-10 on 28x28 grey digits.

    Args:
        num_classes: K.
        in_channels: C.
        image_size: (H, W) in pixels.
        widths: outputs of each hidden layer.
        dropout: share of them that training leaves out.
    """
    sizes = (_pixels(in_channels, image_size), *widths)
    hidden = [
        layer
        for inputs, outputs in itertools.pairwise(sizes)
        for layer in (nn.Linear(inputs, outputs), _activation(dropout))
    ]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], num_classes))


def _activation(dropout: float) -> nn.Module:
    """Return ReLU, with dropout as a part of it: so weights have the same names without it."""
    return nn.Sequential(nn.ReLU(), nn.Dropout(dropout)) if dropout else nn.ReLU()


def _pixels(in_channels: int, image_size: tuple[int, int]) -> int:
    return in_channels * image_size[0] * image_size[1]
