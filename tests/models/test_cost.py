import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models import build
from models.classifier import Classifier
from models.cost import multiply_adds


def test_multiply_adds_are_those_counted_by_hand() -> None:
    mlp = build("mlp", num_classes=10, in_channels=1, image_size=(28, 28))
    assert multiply_adds(mlp, (1, 28, 28)) == 784 * 128 + 128 * 64 + 64 * 10
    convolution = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Flatten())
    network = Classifier(convolution, mean=[0.0] * 3, std=[1.0] * 3)
    network.train()
    assert multiply_adds(network, (3, 9, 8)) == (5 * 4) * 4 * (3 * 5 * 5)
    assert network.training


def test_multiply_adds_are_those_that_torch_counts() -> None:
    resnet = build("resnet18", num_classes=10, in_channels=3, image_size=(16, 16)).eval()
    with FlopCounterMode(display=False) as counter:
        resnet(torch.zeros((1, 3, 16, 16), dtype=torch.uint8))
    assert multiply_adds(resnet, (3, 16, 16)) * 2 == counter.get_total_flops()
