"""The network of a workload in torch, and how many validation images it gets right.

For our own loops and for Lightning, in whose environment `models` works too: it needs torch alone.
"""

import torch
from torch import nn

from benchmarks.training.material import Material
from models import build


def fresh_network(material: Material) -> nn.Module:
    """Return the network, which takes normalized images, with the same weights for everybody."""
    settings = material.settings()
    torch.manual_seed(settings.seed)
    network = build(**settings.network).network
    return network.to(memory_format=torch.channels_last)


@torch.inference_mode()
def correct_count(network: nn.Module, material: Material) -> int:
    """Return how many validation images the network gets right; its mode is as it was."""
    training = network.training
    network.eval()
    correct = 0
    for images, labels in material.validation_batches():
        classes = network(torch.from_numpy(images)).argmax(dim=1)
        correct += int((classes == torch.from_numpy(labels)).sum())
    network.train(training)
    return correct
