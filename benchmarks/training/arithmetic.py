"""The arithmetic of an epoch and nothing else: what no way of training in torch can fall below.

For a chain of linear layers these are three matrix products a layer (its output, the gradients of
its weights and of its input; the first layer needs no gradient of its input) and Adam's update.
Data, activations, loss and automatic differentiation are left out, and memory is allocated before.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def arithmetic_alone(
    network: nn.Module, batch_size: int, learning_rate: float, steps: int
) -> Callable[[], None]:
    """Return the matrix products and updates of an epoch.

    Raises:
        ValueError: the network has other layers with weights than linear ones.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if sum(len([*layer.parameters()]) for layer in layers) != len([*network.parameters()]):
        raise ValueError("wanted a network whose layers with weights are all linear")
    products = [
        product
        for layer in layers
        for product in _products(layer, batch_size, first=layer is layers[0])
    ]
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)

    @torch.inference_mode()
    def epoch() -> None:
        for _ in range(steps):
            for left, right, result in products:
                torch.mm(left, right, out=result)
            optimizer.step()

    return epoch


def _products(
    layer: nn.Linear, batch_size: int, *, first: bool
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return the left and right sides of a layer's products, and where the results go."""
    weight_OI = layer.weight.detach()
    input_NI = torch.randn(batch_size, layer.in_features)
    gradient_NO = torch.randn(batch_size, layer.out_features)
    forward = (input_NI, weight_OI.t(), torch.empty_like(gradient_NO))
    of_weights = (gradient_NO.t(), input_NI, torch.empty_like(weight_OI))
    of_input = (gradient_NO, weight_OI, torch.empty_like(input_NI))
    return [forward, of_weights] if first else [forward, of_weights, of_input]
