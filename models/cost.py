"""What a network costs: its parameters, and the multiply-adds of one image."""

import torch
from torch import Tensor, nn


def parameter_count(module: nn.Module) -> int:
    """Return how many trainable numbers the module has."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@torch.no_grad()
def multiply_adds(network: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Return the multiply-adds of one image's way through linear layers and convolutions.

    Counted by hooks: torch's FlopCounterMode sees every operation, but takes a second to load.
    Products of two activations, as attention has them, are not among them.
    """
    counts: list[int] = []

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(layer.weight, Tensor)
        counts.append(output.numel() * layer.weight[0].numel())

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    training = network.training
    device = next((parameter.device for parameter in network.parameters()), None)
    network.eval()(torch.zeros((1, *image_shape), dtype=torch.uint8, device=device))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return sum(counts)


@torch.no_grad()
def all_multiply_adds(network: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Return the multiply-adds of one image, products of two activations as in attention included.

    Half of what torch's FlopCounterMode counts. The network may lie on the meta device.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    device = next((parameter.device for parameter in network.parameters()), None)
    images = torch.zeros((1, *image_shape), dtype=torch.uint8, device=device)
    was_fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operation that nobody counts
    try:
        # As plain products: of the CPU's fused kernel nothing is counted.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network.eval()(images)
    finally:
        torch.backends.mha.set_fastpath_enabled(was_fused)
    return int(counter.get_total_flops()) // 2
