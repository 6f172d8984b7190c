"""Softmax regression trained many times at once: every loss with every learning rate.

All replicas see the same batches, so their outputs are one product of matrices, and a seed's
trainings differ in loss and learning rate alone.

Suffixes: N examples, P pixels, K classes, R replicas, S recorded steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from artifacts.study_records import StudiedLoss
from data.splits import TrainingIndices
from studies.output_losses import losses_of

BATCH_SIZE = 64
MOMENTUM = 0.9
RECORDED_STEPS = 60  # about so many, as far apart as their number grows
OUTPUTS_AT_ONCE = 1 << 22  # when validating


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One of the trainings: its loss, its learning rate."""

    loss: StudiedLoss
    learning_rate: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """Images as they are learned.

    Attributes:
        inputs_NP: float32, pixels less their mean, divided by their standard deviation.
        labels_N: int64.
        classes: K.
    """

    inputs_NP: Tensor
    labels_N: Tensor
    classes: int

    def __len__(self) -> int:
        return len(self.labels_N)

    def chosen(self, indices: Tensor) -> "Examples":
        """Return those examples."""
        return Examples(
            inputs_NP=self.inputs_NP[indices],
            labels_N=self.labels_N[indices],
            classes=self.classes,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """A linear layer for each replica.

    Attributes:
        weights_RKP: float32.
        biases_RK: float32.
    """

    weights_RKP: Tensor
    biases_RK: Tensor

    def outputs(self, inputs_NP: Tensor) -> Tensor:
        """Return outputs_NRK."""
        replicas, classes, _ = self.weights_RKP.shape
        flat = torch.addmm(self.biases_RK.flatten(), inputs_NP, self.weights_RKP.flatten(0, 1).T)
        return flat.reshape(len(inputs_NP), replicas, classes)

    def replica(self, number: int) -> "Layers":
        """Return the layer of one replica, alone."""
        chosen = slice(number, number + 1)
        return Layers(weights_RKP=self.weights_RKP[chosen], biases_RK=self.biases_RK[chosen])


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What all replicas of a seed became.

    Attributes:
        layers: after the last step.
        val_accuracy_SR: float64, after each recorded step.
        val_loss_R: float64, each replica's own loss after the last step.
        indices: which examples trained, and which validated.
    """

    layers: Layers
    val_accuracy_SR: Tensor
    val_loss_R: Tensor
    indices: TrainingIndices


def recorded_steps(steps: int) -> tuple[int, ...]:
    """Return the steps after which validation is looked at: 0, 1, ever further apart, the last."""
    grown = (round(steps ** (number / RECORDED_STEPS)) for number in range(RECORDED_STEPS + 1))
    return tuple(sorted({0, *grown}))


def steps_of(examples: int, epochs: int) -> int:
    """Return how many steps so many passes have; the last batch of each may be smaller."""
    return epochs * -(-examples // BATCH_SIZE)


def train_replicas(
    examples: Examples,
    indices: TrainingIndices,
    replicas: Sequence[Replica],
    *,
    epochs: int,
    seed: int,
    on_step: Callable[[int], None],
    output_scale: float | None = None,
) -> Trained:
    """Return what SGD with momentum makes of all replicas.

    Args:
        examples: of the training split.
        indices: which of them train, and which validate.
        replicas: those of one loss lie together.
        epochs: passes over those that train.
        seed: of the initial weights, which all replicas share, and of the order of the examples.
        on_step: is told how many steps are done.
        output_scale: root mean square that the first outputs are scaled to; None leaves them.
    """
    generator = torch.Generator().manual_seed(seed)
    training, validation = (
        examples.chosen(torch.from_numpy(part)) for part in (indices.train, indices.validation)
    )
    layers = initial_layers(training, len(replicas), generator, output_scale=output_scale)
    parameters = (layers.weights_RKP, layers.biases_RK)
    rates_R = torch.tensor([replica.learning_rate for replica in replicas])
    velocities = [torch.zeros_like(parameter) for parameter in parameters]
    recorded = set(recorded_steps(steps_of(len(training), epochs)))
    accuracies, done = [_accuracies(layers, validation)], 0
    for _ in range(epochs):
        order = torch.randperm(len(training), generator=generator)
        for batch in torch.split(order, BATCH_SIZE):
            gradients = _gradients(layers, training.chosen(batch), replicas)
            for parameter, velocity, gradient in zip(
                parameters, velocities, gradients, strict=True
            ):
                velocity.mul_(MOMENTUM).add_(gradient)  # as torch.optim.SGD does
                with torch.no_grad():
                    parameter.sub_(rates_R.view(-1, *[1] * (parameter.dim() - 1)) * velocity)
            done += 1
            if done in recorded:
                accuracies.append(_accuracies(layers, validation))
            on_step(done)
    detached = Layers(weights_RKP=layers.weights_RKP.detach(), biases_RK=layers.biases_RK.detach())
    return Trained(
        layers=detached,
        val_accuracy_SR=torch.stack(accuracies),
        val_loss_R=_mean_losses(detached, validation, replicas),
        indices=indices,
    )


def initial_layers(
    examples: Examples,
    replicas: int,
    generator: torch.Generator,
    *,
    output_scale: float | None = None,
) -> Layers:
    """Return the same random layer for every replica, as torch.nn.Linear begins with, scaled."""
    pixels, classes = examples.inputs_NP.shape[1], examples.classes
    bound = pixels**-0.5

    weights_KP = bound * (2 * torch.rand(classes, pixels, generator=generator) - 1)
    biases_K = bound * (2 * torch.rand(classes, generator=generator) - 1)
    if output_scale is not None:
        outputs_NK = torch.addmm(biases_K, examples.inputs_NP, weights_KP.T)
        factor = output_scale / outputs_NK.square().mean().sqrt()
        weights_KP, biases_K = weights_KP * factor, biases_K * factor
    return Layers(
        weights_RKP=weights_KP.repeat(replicas, 1, 1).requires_grad_(True),
        biases_RK=biases_K.repeat(replicas, 1).requires_grad_(True),
    )


def _gradients(layers: Layers, batch: Examples, replicas: Sequence[Replica]) -> tuple[Tensor, ...]:
    # No replica's loss depends on another's weights, so the sum has the gradients of all.
    total = _losses_NR(layers, batch, replicas).mean(dim=0).sum()
    return torch.autograd.grad(total, (layers.weights_RKP, layers.biases_RK))


def _losses_NR(layers: Layers, examples: Examples, replicas: Sequence[Replica]) -> Tensor:
    outputs_NRK = layers.outputs(examples.inputs_NP)
    losses = list(dict.fromkeys(replica.loss for replica in replicas))
    sizes = [sum(replica.loss == loss for replica in replicas) for loss in losses]
    parts = torch.split(outputs_NRK, sizes, dim=1)
    return torch.cat(
        [
            losses_of(loss, part, examples.labels_N[:, None].expand(part.shape[:2]))
            for loss, part in zip(losses, parts, strict=True)
        ],
        dim=1,
    )


@torch.no_grad()
def _accuracies(layers: Layers, examples: Examples) -> Tensor:
    correct_R = sum(
        (layers.outputs(part.inputs_NP).argmax(dim=2) == part.labels_N[:, None]).sum(dim=0)
        for part in _parts(examples, layers)
    )
    return torch.as_tensor(correct_R).double() / len(examples)


@torch.no_grad()
def _mean_losses(layers: Layers, examples: Examples, replicas: Sequence[Replica]) -> Tensor:
    sums_R = sum(
        _losses_NR(layers, part, replicas).double().sum(dim=0) for part in _parts(examples, layers)
    )
    return torch.as_tensor(sums_R) / len(examples)


def _parts(examples: Examples, layers: Layers) -> list[Examples]:
    """Return the examples in parts whose outputs do not take much memory."""
    rows = max(1, OUTPUTS_AT_ONCE // layers.biases_RK.numel())
    return [examples.chosen(part) for part in torch.split(torch.arange(len(examples)), rows)]
