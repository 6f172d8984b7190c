"""Networks without convolution: softmax regression and the multilayer perceptron."""

import itertools

from torch import nn

MLP_HIDDEN_SIZES = (128, 64)


def logistic(num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """Return softmax regression: one linear layer from all pixels to the logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(_pixels(in_channels, image_size), num_classes))


def mlp(num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """Return a perceptron with two hidden ReLU layers: 784-128-64-10 on 28x28 grey digits."""
    sizes = (_pixels(in_channels, image_size), *MLP_HIDDEN_SIZES)
    hidden = [
        layer
        for inputs, outputs in itertools.pairwise(sizes)
        for layer in (nn.Linear(inputs, outputs), nn.ReLU())
    ]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], num_classes))


def _pixels(in_channels: int, image_size: tuple[int, int]) -> int:
    return in_channels * image_size[0] * image_size[1]
