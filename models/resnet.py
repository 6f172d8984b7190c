"""ResNets from torchvision, with a stem that suits small images."""

from torch import nn

SMALL_IMAGE_SIDE = 64  # pixels; up to here the ImageNet stem would throw most of the image away


def resnet(name: str, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """Return torchvision's ResNet (He et al. 2016) of that name with random weights.

    For images of at most 64x64 pixels the 7x7 stride-2 convolution and the max pooling that
    follows give way to one 3x3 stride-1 convolution, as He et al. did for CIFAR-10 (section 4.2).
    """
    import torchvision.models

    factories = {
        "resnet18": torchvision.models.resnet18,
        "resnet34": torchvision.models.resnet34,
        "resnet50": torchvision.models.resnet50,
        "resnet101": torchvision.models.resnet101,
    }
    network: nn.Module = factories[name](weights=None, num_classes=num_classes)
    if max(image_size) <= SMALL_IMAGE_SIDE:
        stem = nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
        network.maxpool = nn.Identity()
    else:
        stem = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    return network
