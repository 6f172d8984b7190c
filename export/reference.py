"""PyTorch's own logits over a whole split: what every variant is proved against."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from artifacts.logits import Images, Logits

BATCH_SIZE = 64  # ResNet-101 in float64 stays under 1 GB with it
OnBatch = Callable[[int, int], None]  # examples done, examples in all


def pytorch_logits(network: nn.Module, device: torch.device) -> Callable[[Images], Logits]:
    """Return a function from images to the logits of `network`, which lies on `device`.

    The logits have the dtype of the network's weights.
    """

    @torch.inference_mode()
    def logits(images: Images) -> Logits:
        batch = torch.from_numpy(np.array(images)).to(device)  # a copy: memory maps are read-only
        result: Logits = network(batch).cpu().numpy()
        return result

    return logits


def logits_over(
    images: Images,
    network: nn.Module,
    *,
    dtype: torch.dtype,
    device: torch.device,
    on_batch: OnBatch,
) -> NDArray[np.floating]:
    """Return logits_NK of all images, computed in `dtype` in evaluation mode.

    The network is moved to the device and dtype, and stays there.
    """
    function = pytorch_logits(network.eval().to(device=device, dtype=dtype), device)
    parts: list[NDArray[np.floating]] = []
    for start in range(0, len(images), BATCH_SIZE):
        parts.append(function(images[start : start + BATCH_SIZE]))
        on_batch(min(start + BATCH_SIZE, len(images)), len(images))
    return np.concatenate(parts)
