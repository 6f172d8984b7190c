"""The optimizer's step and its learning rate, by the settings alone."""

import math

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from artifacts.training_records import Hyperparameters

WARM_UP_SHARE = 0.25
FIRST_FACTOR = 0.04


def optimizer_for(network: nn.Module, settings: Hyperparameters) -> Optimizer:
    """Return the optimizer that the settings name, over all of the network's parameters."""
    parameters, lr, decay = network.parameters(), settings.lr, settings.weight_decay
    # Fused: one kernel instead of several for each tensor; a third of a small network's step.
    if settings.optimizer == "sgd":
        momentum = settings.momentum
        return SGD(parameters, lr, momentum, weight_decay=decay, nesterov=momentum > 0, fused=True)
    kind = AdamW if settings.optimizer == "adamw" else Adam
    return kind(parameters, lr=lr, weight_decay=decay, fused=True)


def learning_rate(settings: Hyperparameters, step: int, steps: int) -> float:
    """Return the learning rate of a step, the first of `steps` being 0."""
    factor = one_cycle_factor(step, steps) if settings.schedule == "one-cycle" else 1.0
    return settings.lr * factor


def one_cycle_factor(step: int, steps: int) -> float:
    """Return the share of the peak learning rate at a step, the first being 0.

    A quarter of the steps up from 1/25, the others down to 0, both along a cosine (Smith and Topin
    2018; torch's OneCycleLR divides by zero where there are four steps).
    """
    up = max(1.0, WARM_UP_SHARE * steps)
    if step < up:
        return _cosine(FIRST_FACTOR, 1.0, min(1.0, (step + 1) / up))
    return _cosine(1.0, 0.0, min(1.0, (step + 1 - up) / max(1.0, steps - up + 1)))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
