"""The table of network names, and how a name becomes a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from models.classifier import Classifier

# A name and what builds its network; the modules load torch, so they are imported when called.
SUMMARIES = {
    "logistic": "softmax regression: one linear layer",
    "mlp": "multilayer perceptron, hidden layers of 128 and 64 with ReLU",
    "lenet5": "LeNet-5 with ReLU and max pooling",
    "resnet18": "ResNet-18, 3x3 stem for small images",
    "resnet34": "ResNet-34, 3x3 stem for small images",
    "resnet50": "ResNet-50, 3x3 stem for small images",
    "resnet101": "ResNet-101, 3x3 stem for small images",
}
MODEL_NAMES = tuple(SUMMARIES)


def build(
    name: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Classifier:
    """Return a freshly initialized classifier: uint8 images_NCHW in, float32 logits_NK out.

    Args:
        name: one of MODEL_NAMES.
        num_classes: K, the number of logits.
        in_channels: C of the images.
        image_size: (H, W) of the images in pixels.
        mean: what to subtract from each channel's pixels, in 0..255; 0 when not given.
        std: what to divide each channel by then; 255 when not given.

    Raises:
        UsageError: no network has that name.
    """
    from models.classifier import Classifier

    network = _network(name, num_classes, in_channels, image_size)
    return Classifier(
        network,
        mean=mean if mean is not None else [0.0] * in_channels,
        std=std if std is not None else [255.0] * in_channels,
    )


def _network(
    name: str, num_classes: int, in_channels: int, image_size: tuple[int, int]
) -> nn.Module:
    if name == "logistic":
        from models.perceptrons import logistic

        return logistic(num_classes, in_channels, image_size)
    if name == "mlp":
        from models.perceptrons import mlp

        return mlp(num_classes, in_channels, image_size)
    if name == "lenet5":
        from models.lenet import LeNet5

        return LeNet5(num_classes, in_channels, image_size)
    if name in MODEL_NAMES:
        from models.resnet import resnet

        return resnet(name, num_classes, in_channels, image_size)
    raise UsageError(f"unknown network {name!r}", f"wanted one of {', '.join(MODEL_NAMES)}")
