"""Whether a network takes the images at all, found out before anything is begun."""

import torch
from torch import Tensor

from errors import UsageError
from models.classifier import Classifier
from models.names import library_of
from models.user_code import told_as


@torch.no_grad()
def require_logits(
    classifier: Classifier,
    name: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
) -> None:
    """Run the network on two grey images; two, so that one with a batch baked in shows it.

    Raises:
        UsageError: it does not take them, or gives something else than float logits [2, K].
    """
    height, width = image_size
    device = next((buffer.device for buffer in classifier.buffers()), None)
    images = torch.full((2, in_channels, height, width), 127, dtype=torch.uint8, device=device)
    is_training = classifier.training
    subject = f"--model {name}"
    given = f"{in_channels}x{height}x{width} images"
    with told_as(f"{subject} on {given}", hint=_size_hint(name, image_size)):
        found = classifier.eval()(images)
    classifier.train(is_training)
    if not isinstance(found, Tensor):
        raise UsageError(
            subject,
            f"wanted a tensor of logits [N, {num_classes}], found {type(found).__name__}",
            hint="return the logits alone in evaluation mode",
        )
    if found.shape != (2, num_classes) or not found.is_floating_point():
        dtype = str(found.dtype).removeprefix("torch.")
        raise UsageError(
            subject,
            f"wanted float logits [2, {num_classes}] of two images, found {dtype}"
            f" {list(found.shape)}",
        )


def _size_hint(name: str, image_size: tuple[int, int]) -> str | None:
    if library_of(name) is None:
        return None
    from models.libraries import designed_size

    side = designed_size(name)
    if side is None or image_size == (side, side):
        return None
    return f"it was designed for {side}x{side} pixels: add --image-size {side}"
