"""Faults of deployed networks: each makes of a sound classifier the one that was deployed instead.

They are those that people report: of exporters, of converters, of a file that was not replaced.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.classifier import Classifier

TF32_MANTISSA_BITS = 10
FLOAT32_MANTISSA_BITS = 23
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
KERAS_EPSILON = 1e-3  # of Keras' batch normalization; torch's is 1e-5


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault of the network in the file.

    Attributes:
        name: what is wrong.
        plant: changes a copy of the sound classifier.
        fixed_batch: the file takes two images at once, and no other number.
    """

    name: str
    plant: Callable[[Classifier], None]
    fixed_batch: bool = False

    def deployed(self, sound: Classifier) -> Classifier:
        """Return the classifier that was deployed in the place of the sound one."""
        classifier = copy.deepcopy(sound).eval()
        with torch.no_grad():
            self.plant(classifier)
        return classifier


class _BatchStatistics(nn.Module):
    """Batch normalization that was exported before anybody called `eval`."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = layer.weight, layer.bias, layer.eps

    def forward(self, images: Tensor) -> Tensor:
        mean = images.mean(dim=(0, 2, 3), keepdim=True)
        variance = (images - mean).square().mean(dim=(0, 2, 3), keepdim=True)
        normal = (images - mean) / torch.sqrt(variance + self.eps)
        return normal * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)


class _Clipped(nn.Module):
    """A ReLU whose range was taken from noise: nothing above what noise gave it passes."""

    def __init__(self, highest: float) -> None:
        super().__init__()
        self.highest = highest

    def forward(self, images: Tensor) -> Tensor:
        return images.clamp(0.0, self.highest)


class _DarkImagesTurned(nn.Module):
    """A preprocessing step that was meant for another camera: dark images are inverted."""

    def __init__(self, inner: nn.Module, threshold: float) -> None:
        super().__init__()
        self.inner, self.threshold = inner, threshold

    def forward(self, images: Tensor) -> Tensor:
        dark = images.mean(dim=(1, 2, 3), keepdim=True) < self.threshold
        logits: Tensor = self.inner(torch.where(dark, -images, images))
        return logits


def _scaled_weight(factor: float) -> Callable[[Classifier], None]:
    def plant(classifier: Classifier) -> None:
        weights = last_layer(classifier).weight.view(-1)
        weights[weights.abs().argmax()] *= factor

    return plant


def _one_nan(classifier: Classifier) -> None:
    first_convolution(classifier).weight.view(-1)[0] = torch.nan


def _swapped_classes(classifier: Classifier) -> None:
    layer = last_layer(classifier)
    layer.weight[[3, 5]] = layer.weight[[5, 3]]
    layer.bias[[3, 5]] = layer.bias[[5, 3]]


def _dropped_bias(classifier: Classifier) -> None:
    last_layer(classifier).bias.zero_()


def _swapped_channels(classifier: Classifier) -> None:
    layer = first_convolution(classifier)
    layer.weight.copy_(layer.weight.flip(1))


def _without_eval(classifier: Classifier) -> None:
    for module in [one for one in classifier.modules() if isinstance(one, nn.BatchNorm2d)]:
        _put(classifier, module, _BatchStatistics(module))


def _other_epsilon(classifier: Classifier) -> None:
    for module in classifier.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = KERAS_EPSILON


def _other_normalization(classifier: Classifier) -> None:
    channels = classifier.mean.numel()
    for buffer, values in ((classifier.mean, IMAGENET_MEAN), (classifier.std, IMAGENET_STD)):
        buffer.copy_(torch.tensor(values[:channels]).view(1, -1, 1, 1))


def _shifted_padding(classifier: Classifier) -> None:
    layer = first_convolution(classifier)
    rows, columns = (int(side) for side in layer.padding)
    layer.padding = (0, 0)
    pad = nn.ZeroPad2d((columns + 1, columns - 1, rows + 1, rows - 1))
    _put(classifier, layer, nn.Sequential(pad, layer))


def _leaky(classifier: Classifier) -> None:
    _replace(classifier, nn.ReLU, nn.LeakyReLU(0.01))


def _maximum_in_place_of_mean(classifier: Classifier) -> None:
    _replace(classifier, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d(1))


def _clipped(classifier: Classifier) -> None:
    """Clip the first ReLU where noise, normalized as pixels are, would not have reached."""
    noise = torch.randn((64, *_image_shape(classifier)), generator=torch.Generator().manual_seed(0))
    layer = next(module for module in classifier.modules() if isinstance(module, nn.ReLU))
    seen: list[float] = []
    hook = layer.register_forward_hook(lambda _m, _i, out: seen.append(float(out.max())))
    classifier.network(noise)
    hook.remove()
    _put(classifier, layer, _Clipped(seen[0]))


def _dark_turned(classifier: Classifier) -> None:
    classifier.network = _DarkImagesTurned(classifier.network, threshold=-0.2)


def _rounded(bits: int) -> Callable[[Classifier], None]:
    """Keep so many bits of each weight's mantissa: round to the nearest of those numbers."""

    def plant(classifier: Classifier) -> None:
        step = 1 << (FLOAT32_MANTISSA_BITS - bits)
        for weight in classifier.network.parameters():
            integers = weight.view(torch.int32)
            integers.copy_((integers + step // 2) & -step)

    return plant


def _half(classifier: Classifier) -> None:
    for weight in classifier.network.parameters():
        weight.copy_(weight.half().float())


def _softmax_of_softmax(classifier: Classifier) -> None:
    classifier.network = nn.Sequential(classifier.network, nn.Softmax(dim=1))


def _nothing(classifier: Classifier) -> None:
    """Leave the network as it is."""


FAULTS = (
    Planted(name="a weight is 0.1% larger", plant=_scaled_weight(1.001)),
    Planted(name="a weight is 1% larger", plant=_scaled_weight(1.01)),
    Planted(name="a weight is 10% larger", plant=_scaled_weight(1.1)),
    Planted(name="a weight is NaN", plant=_one_nan),
    Planted(name="exported without eval()", plant=_without_eval),
    Planted(name="ImageNet's normalization", plant=_other_normalization),
    Planted(name="two classes are swapped", plant=_swapped_classes),
    Planted(name="BGR for RGB", plant=_swapped_channels),
    Planted(name="padding is off by one", plant=_shifted_padding),
    Planted(name="weights in TF32", plant=_rounded(TF32_MANTISSA_BITS)),
    Planted(name="weights in float16", plant=_half),
    Planted(name="the last bias is gone", plant=_dropped_bias),
    Planted(name="Keras' epsilon", plant=_other_epsilon),
    Planted(name="leaky ReLU for ReLU", plant=_leaky),
    Planted(name="maximum for mean", plant=_maximum_in_place_of_mean),
    Planted(name="clipped to the range of noise", plant=_clipped),
    Planted(name="dark images are inverted", plant=_dark_turned),
    Planted(name="probabilities for logits", plant=_softmax_of_softmax),
    Planted(name="the batch is fixed", plant=_nothing, fixed_batch=True),
)


def first_convolution(classifier: Classifier) -> nn.Conv2d:
    """Return the layer that sees the image."""
    return next(module for module in classifier.modules() if isinstance(module, nn.Conv2d))


def last_layer(classifier: Classifier) -> nn.Linear:
    """Return the layer whose output is the logits."""
    return [module for module in classifier.modules() if isinstance(module, nn.Linear)][-1]


def _image_shape(classifier: Classifier) -> tuple[int, int, int]:
    return (classifier.mean.numel(), 28, 28)


def _replace(classifier: Classifier, kind: type[nn.Module], new: nn.Module) -> None:
    for module in [one for one in classifier.modules() if isinstance(one, kind)]:
        _put(classifier, module, new)


def _put(classifier: Classifier, old: nn.Module, new: nn.Module) -> None:
    """Put a module in another one's place."""
    for parent in list(classifier.modules()):
        for name, child in parent.named_children():
            if child is old and parent is not new:
                setattr(parent, name, new)
