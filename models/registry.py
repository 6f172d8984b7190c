"""How a name becomes a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from errors import UsageError
from models.hidden_layers import chosen_widths
from models.names import FORMS, MODEL_NAMES, library_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from models.classifier import Classifier


def build(
    name: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
    file: str | None = None,
    file_sha256: str | None = None,
    widths: Sequence[int] | None = None,
    dropout: float = 0.0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Classifier:
    """Return a freshly initialized classifier: uint8 images_NCHW in, float32 logits_NK out.

    Args:
        name: one of MODEL_NAMES, torchvision:NAME, timm:NAME, or FILE.py:FUNCTION.
        num_classes: K, the number of logits.
        in_channels: C of the images; of 1, a library's network is given three alike.
        image_size: (H, W) of the images in pixels.
        file: path of the user's file, where the network is defined in one.
        file_sha256: that it must have.
        widths: outputs of the hidden fully connected layers, of networks that leave the choice
            (`models.hidden_layers`); None takes their own.
        dropout: share of each such layer's outputs that training leaves out; of the same networks.
        mean: what to subtract from each channel's pixels, in 0..255; 0 when not given.
        std: what to divide each channel by then; 255 when not given.

    Raises:
        UsageError: there is no such network, it cannot be made for such images, or it leaves no
            choice of widths or dropout.
        UnusableError: the library that has it is not installed.
        ArtifactError: the user's file is missing, or is not the one that it was.
    """
    from models.classifier import Classifier

    channels = _network_channels(name, in_channels)
    chosen = chosen_widths(name, widths, dropout)
    if file is not None and file_sha256 is not None:
        from models.user_file import make_lazy_layers, network_from_file

        network = network_from_file(
            name,
            Path(file),
            file_sha256,
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size,
        )
        make_lazy_layers(network, name, (channels, *image_size))
    else:
        network = _network(name, num_classes, in_channels, image_size, chosen, dropout)
    return Classifier(
        network,
        mean=_a_channel(mean, channels, 0.0),
        std=_a_channel(std, channels, 255.0),
    )


def _network_channels(name: str, in_channels: int) -> int:
    """Return how many channels the network itself takes."""
    if library_of(name) is None:
        return in_channels
    from models.libraries import CHANNELS

    if in_channels not in (1, CHANNELS):
        raise UsageError(
            "--model", f"{name} takes grey or RGB images, found {in_channels} channels"
        )
    return CHANNELS


def _a_channel(values: Sequence[float] | None, channels: int, default: float) -> Sequence[float]:
    if values is None:
        return [default] * channels
    return [*values] * channels if len(values) == 1 else values


def _network(
    name: str,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
    widths: Sequence[int],
    dropout: float,
) -> nn.Module:
    if name == "logistic":
        from models.perceptrons import logistic

        return logistic(num_classes, in_channels, image_size)
    if name == "mlp":
        from models.perceptrons import mlp

        return mlp(num_classes, in_channels, image_size, widths=widths, dropout=dropout)
    if name == "lenet5":
        from models.lenet import LeNet5

        return LeNet5(num_classes, in_channels, image_size, widths=widths, dropout=dropout)
    if name in MODEL_NAMES:
        from models.resnet import resnet

        return resnet(name, num_classes, in_channels, image_size)
    if library_of(name):
        from models.libraries import library_network
        from models.user_code import told_as

        with told_as(name):
            return library_network(name, num_classes, image_size)
    raise UsageError(f"unknown network {name!r}", f"wanted {FORMS}")
