"""Random weights with which a comparison proves something.

A network as its library makes it often does not: vision transformers of torchvision begin with a
last layer of zeros, so that all logits are 0 whatever the image; ConvNeXt's blocks are multiplied
by 1e-6; MobileNet's logits are of the size 1e-9 and Inception's 1e12. Compared with a tolerance for
logits of trained networks, the small ones pass whatever happened to the graph.
"""

from collections.abc import Set

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from artifacts.logits import Images
from models.classifier import Classifier

SMALL = 0.1  # a factor below it mutes what it multiplies
COARSE = 4  # sides of the images' coarse pattern


@torch.inference_mode()
def make_telling(classifier: Classifier, images: Images, head: Set[str]) -> None:
    """Change a network's weights so that its logits vary by about 1 from image to image.

    1. Factors that are all one number become random, and matrices that are all zero; 2. activations
    are kept at one size by batch normalization; 3. the last layer is scaled, and gets small biases.

    Batch normalization subtracts nothing and divides by the size of what it is given, one number a
    layer. With the means and variances of the images in their place random networks are chaotic:
    ResNet-152 then differed by 2e-3 between PyTorch and ONNX Runtime, all of it rounding that its
    layers had magnified. With 0 and 1, as the libraries make them, timm's EfficientNetV2 is:
    activations grow to 1e8, and PyTorch's own float32 is 3 away from float64 in logits of 8.

    Args:
        classifier: in evaluation mode afterwards.
        images: uint8 images_NCHW, two or more.
        head: names of the last layer's tensors, in the network within.
    """
    generator = torch.Generator().manual_seed(0)
    network = classifier.eval().network
    for name, tensor in network.state_dict().items():
        if tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
            tensor.copy_(_in_place_of(name, tensor, generator))
    pixels = torch.from_numpy(images.copy())  # of a dataset they may be read-only
    _take_sizes(classifier, pixels)
    weights = network.state_dict()
    biases = [weights[name] for name in head if weights[name].dim() == 1]
    for bias in biases:
        bias.zero_()
    logits_NK = classifier(pixels)
    variation = float((logits_NK - logits_NK.mean(dim=0)).std())
    if variation > 0:
        for name in head:
            weights[name].div_(variation)
    for bias in biases:
        bias.copy_(SMALL * torch.randn(bias.shape, generator=generator))


def _take_sizes(classifier: Classifier, pixels: Tensor) -> None:
    """Let each batch normalization divide by the root mean square of what it is given."""

    def take(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer.running_var, Tensor)
        size = inputs[0].square().mean()
        layer.running_var.mul_(size / layer.running_var.mean())

    layers = [layer for layer in classifier.modules() if isinstance(layer, _BatchNorm)]
    hooks = [layer.register_forward_pre_hook(take) for layer in layers]
    if layers:
        classifier(pixels)
    for hook in hooks:
        hook.remove()


def varied_images(count: int, side: int) -> Images:
    """Return RGB images [N, 3, side, side] that differ in brightness, contrast, noise and pattern.

    Plain noise would not do: after a mean over its places every image is the same.
    """
    random = np.random.default_rng(0)
    brightness = random.uniform(0, 255, (count, 3, 1, 1))
    noise = random.uniform(10, 120, (count, 1, 1, 1)) * random.standard_normal(
        (count, 3, side, side)
    )
    cells = -(-side // COARSE)
    pattern = random.uniform(-100, 100, (count, 3, COARSE, COARSE))
    pattern = pattern.repeat(cells, axis=2).repeat(cells, axis=3)[:, :, :side, :side]
    return np.clip(brightness + noise + pattern, 0, 255).astype(np.uint8)


def _in_place_of(name: str, constant: Tensor, generator: torch.Generator) -> Tensor:
    value = float(constant.flatten()[0])
    if value == 0 and constant.dim() > 1:
        return 0.02 * torch.randn(constant.shape, generator=generator)
    if value == 0 and not name.endswith("weight"):
        return constant  # biases and means: those of shrinking activations would drown them
    factors = 0.5 + torch.rand(constant.shape, generator=generator)
    return factors * (value if abs(value) >= SMALL else 1.0)
