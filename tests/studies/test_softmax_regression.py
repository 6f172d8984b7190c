"""Many trainings at once against each one alone, written with torch's own parts."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.splits import TrainingIndices
from studies.softmax_regression import (
    BATCH_SIZE,
    MOMENTUM,
    Examples,
    Layers,
    Replica,
    Trained,
    initial_layers,
    recorded_steps,
    steps_of,
    train_replicas,
)

REPLICAS = [
    Replica(loss="cross-entropy", learning_rate=0.01),
    Replica(loss="cross-entropy", learning_rate=0.2),
    Replica(loss="mse-of-probabilities", learning_rate=0.2),
]
EPOCHS = 3


def examples(classes: int = 3, apart: float = 1.0) -> Examples:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (160,), generator=generator)
    centres = apart * torch.randn(classes, 5, generator=generator)
    inputs = centres[labels] + torch.randn(160, 5, generator=generator)
    return Examples(inputs_NP=inputs, labels_N=labels, classes=classes)


def indices() -> TrainingIndices:
    return TrainingIndices(train=np.arange(130), validation=np.arange(130, 160))


def trained(of: Examples, replicas: list[Replica]) -> Trained:
    return train_replicas(of, indices(), replicas, epochs=EPOCHS, seed=7, on_step=lambda done: None)


def alone(of: Examples, replica: Replica) -> tuple[nn.Linear, list[float]]:
    """The training of one replica as torch's users write it, and its accuracies by step."""
    generator = torch.Generator().manual_seed(7)
    start = initial_layers(of, 1, generator)
    network = nn.Linear(5, of.classes)
    with torch.no_grad():
        network.weight.copy_(start.weights_RKP[0])
        network.bias.copy_(start.biases_RK[0])
    optimizer = torch.optim.SGD(network.parameters(), lr=replica.learning_rate, momentum=MOMENTUM)
    training, validation = of.chosen(torch.arange(130)), of.chosen(torch.arange(130, 160))

    def accuracy() -> float:
        right = network(validation.inputs_NP).argmax(dim=1) == validation.labels_N
        return float(right.double().mean())

    accuracies = [accuracy()]
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(130, generator=generator), BATCH_SIZE):
            outputs, labels = network(training.inputs_NP[batch]), training.labels_N[batch]
            if replica.loss == "cross-entropy":
                loss = nn.functional.cross_entropy(outputs, labels)
            else:
                units = nn.functional.one_hot(labels, of.classes)
                loss = (outputs.softmax(dim=1) - units).square().sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            accuracies.append(accuracy())
    return network, accuracies


@pytest.mark.parametrize("number", range(len(REPLICAS)))
def test_replica_is_what_torchs_own_sgd_makes_of_it(number: int) -> None:
    found = trained(examples(), REPLICAS)
    network, accuracies = alone(examples(), REPLICAS[number])
    layers = found.layers
    torch.testing.assert_close(layers.weights_RKP[number], network.weight.detach())
    torch.testing.assert_close(layers.biases_RK[number], network.bias.detach())
    steps = recorded_steps(steps_of(130, EPOCHS))
    expected = [accuracies[step] for step in steps]
    assert found.val_accuracy_SR[:, number].tolist() == pytest.approx(expected)


def test_training_learns_and_the_rates_differ() -> None:
    found = trained(examples(), REPLICAS)
    assert bool((found.val_accuracy_SR[-1] > found.val_accuracy_SR[0]).all())
    assert not torch.equal(found.layers.weights_RKP[0], found.layers.weights_RKP[1])


def test_own_loss_is_that_of_the_validation_examples() -> None:
    found = trained(examples(), REPLICAS)
    validation = examples().chosen(torch.arange(130, 160))
    outputs = found.layers.replica(1).outputs(validation.inputs_NP)[:, 0]
    expected = nn.functional.cross_entropy(outputs, validation.labels_N)
    assert float(found.val_loss_R[1]) == pytest.approx(float(expected), rel=1e-5)


def test_two_classes_are_the_sigmoid_at_twice_the_rate() -> None:
    """With weights that begin opposite, both outputs stay so: one output says it all."""
    of = examples(2)
    inputs, labels = of.inputs_NP[:64], of.labels_N[:64]
    both = torch.zeros(2, 5, requires_grad=True)
    one = torch.zeros(5, requires_grad=True)
    for _ in range(20):
        loss = nn.functional.cross_entropy(inputs @ both.T, labels)
        (gradient,) = torch.autograd.grad(loss, both)
        both = (both - 0.1 * gradient).detach().requires_grad_(True)
        loss = nn.functional.binary_cross_entropy_with_logits(inputs @ one, labels.float())
        (gradient,) = torch.autograd.grad(loss, one)
        one = (one - 0.2 * gradient).detach().requires_grad_(True)
    torch.testing.assert_close((both[1] - both[0]).detach(), one.detach())


def test_recorded_steps_begin_with_zero_and_end_with_the_last() -> None:
    steps = recorded_steps(1_900)
    assert steps[:3] == (0, 1, 2)
    assert steps[-1] == 1_900
    assert list(steps) == sorted(set(steps))
    assert recorded_steps(1) == (0, 1)


def test_last_batch_of_an_epoch_may_be_smaller() -> None:
    assert steps_of(BATCH_SIZE, 2) == 2
    assert steps_of(BATCH_SIZE + 1, 2) == 4


def test_outputs_are_those_of_each_layer() -> None:
    of = examples()
    layers = initial_layers(of, 2, torch.Generator().manual_seed(0))
    outputs: Tensor = Layers(weights_RKP=layers.weights_RKP, biases_RK=layers.biases_RK).outputs(
        of.inputs_NP
    )
    assert outputs.shape == (160, 2, 3)
    expected = nn.functional.linear(of.inputs_NP, layers.weights_RKP[1], layers.biases_RK[1])
    torch.testing.assert_close(outputs[:, 1], expected)


def test_first_outputs_are_scaled_where_that_is_wanted() -> None:
    of = examples()
    plain = initial_layers(of, 2, torch.Generator().manual_seed(0))
    wide = initial_layers(of, 2, torch.Generator().manual_seed(0), output_scale=10.0)
    scale = wide.outputs(of.inputs_NP).detach().square().mean().sqrt()
    assert float(scale) == pytest.approx(10, rel=1e-5)
    ratio = wide.weights_RKP / plain.weights_RKP
    torch.testing.assert_close(ratio, ratio[0, 0, 0].expand(ratio.shape))


def test_squares_are_left_behind_by_a_start_that_is_confidently_wrong() -> None:
    replicas = [
        Replica(loss="cross-entropy", learning_rate=0.2),
        Replica(loss="mse-of-probabilities", learning_rate=0.2),
    ]

    def accuracies(output_scale: float | None) -> list[float]:
        found = train_replicas(
            examples(apart=3.0),
            indices(),
            replicas,
            epochs=10,
            seed=1,
            on_step=lambda done: None,
            output_scale=output_scale,
        )
        final: list[float] = found.val_accuracy_SR[-1].tolist()
        return final

    near_cross_entropy, near_mse = accuracies(None)
    wide_cross_entropy, wide_mse = accuracies(30.0)
    assert min(near_cross_entropy, near_mse, wide_cross_entropy) > 0.9
    assert wide_mse < 0.8
