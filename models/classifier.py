"""What every network is wrapped in: raw pixels in, logits out.

The normalization is part of the module, so that the checkpoint and the exported graph carry it and
nobody has to know the training set's mean to use them.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """Normalizes uint8 pixels channel by channel and gives them to a network.

    Where there are three means and images have one channel, the network is given three, alike but
    for their normalization: grey images to a network for colours.

    Args:
        network: takes normalized images_NCHW and returns logits_NK.
        mean: of each channel's pixels, in 0..255.
        std: of each channel's pixels, in 0..255; not zero.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or not all(0 < value < math.inf for value in std):
            raise ValueError(f"wanted as many std > 0 as mean, found mean {mean} and std {std}")
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits_NK of uint8 images_NCHW, in the dtype of the module's own tensors."""
        logits: Tensor = self.network(self.normalized(images))
        return logits

    def normalized(self, images: Tensor) -> Tensor:
        """Return the images_NCHW that the network itself takes, of uint8 images_NCHW."""
        # One new tensor, not three: for a chunk of training images the system's page faults, one
        # for each new page, would otherwise take a twentieth of an MLP's epoch.
        return (images - self.mean).div_(self.std)
