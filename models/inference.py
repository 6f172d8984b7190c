"""A network as a function from numpy images to numpy logits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def logits_function(
    network: nn.Module, device: torch.device, dtype: torch.dtype = torch.float32
) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Return a function from uint8 images_NCHW to logits_NK of `dtype`.

    The network is moved to the device and dtype, put into evaluation mode, and stays there. A call
    returns when the device has finished, so that a clock around it sees the whole work.
    """
    network = network.eval().to(device=device, dtype=dtype)

    @torch.inference_mode()
    def logits(images: NDArray[np.uint8]) -> NDArray[Any]:
        # torch.from_numpy warns of memory that must not be written, as memory maps are.
        owned = images if images.flags.writeable else images.copy()
        result: NDArray[Any] = network(torch.from_numpy(owned).to(device)).cpu().numpy()
        return result

    return logits
