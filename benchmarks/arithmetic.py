"""The arithmetic of an epoch and nothing else: what no way of training in torch can fall below.

For a chain of linear layers these are three matrix products a layer (its output, the gradients of
its weights and of its input; the first layer needs no gradient of its input) and Adam's update.
Data, activations, loss and automatic differentiation are left out, and memory is allocated before.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from artifacts.training_records import Recipe
from models import build


def arithmetic_alone(recipe: Recipe, examples: int) -> Callable[[], float] | None:
    """Return an epoch's matrix products and updates, in seconds; None for other networks."""
    network = build(**recipe.model.model_dump()).network
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if any(isinstance(module, nn.Conv2d) for module in network.modules()):
        return None
    products = [
        product
        for layer in layers
        for product in _products(layer, recipe.hyperparameters.batch_size, first=layer is layers[0])
    ]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    steps = examples // recipe.hyperparameters.batch_size

    @torch.inference_mode()
    def epoch() -> float:
        start = time.perf_counter()
        for _ in range(steps):
            for left, right, result in products:
                torch.mm(left, right, out=result)
            optimizer.step()
        return time.perf_counter() - start

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
