import copy

import numpy as np
import pytest
import torch
from torch import nn

from artifacts.training_records import Hyperparameters
from errors import UnfinishedError
from models import build
from trainers.loop import (
    Examples,
    batch_sizes,
    epoch_generator,
    examples_on_device,
    one_cycle_factor,
    optimizer_for,
    scheduler_for,
    train_epoch,
    validate,
)
from trainers.recipes import hyperparameters

CPU = torch.device("cpu")


def settings(**changes: object) -> Hyperparameters:
    return hyperparameters("best", "mlp").model_copy(update={"batch_size": 8, **changes})


def examples(count: int = 21) -> Examples:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 1, 4, 4)).astype(np.uint8)
    return examples_on_device(images, np.arange(count) % 3, np.arange(count), CPU)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(images.flatten(1) / 255)
        return logits


def one_epoch(network: nn.Module, chosen: Hyperparameters) -> object:
    optimizer = optimizer_for(network, chosen)
    return train_epoch(
        network,
        examples(),
        settings=chosen,
        optimizer=optimizer,
        scheduler=scheduler_for(optimizer, chosen, 3),
        order=epoch_generator(7, 1),
        on_batch=lambda done, total: None,
    )


def test_epoch_takes_the_steps_of_a_loop_written_by_hand() -> None:
    torch.manual_seed(0)
    ours = Network()
    by_hand = copy.deepcopy(ours)
    chosen = settings(optimizer="sgd", lr=0.1, momentum=0.0, schedule="constant", weight_decay=0.02)
    one_epoch(ours, chosen)

    data = examples()
    order = torch.randperm(21, generator=epoch_generator(7, 1))
    for start in (0, 8, 16):
        index = order[start : start + 8]
        loss = nn.functional.cross_entropy(
            by_hand(data.images_NCHW[index]), data.labels_N[index], label_smoothing=0.1
        )
        gradients = torch.autograd.grad(loss, list(by_hand.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(by_hand.parameters(), gradients, strict=True):
                parameter.sub_(0.1 * (gradient + 0.02 * parameter))
    for found, wanted in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("model", ["mlp", "resnet18"])
def test_every_optimizer_learns_under_every_recipe(optimizer: str, model: str) -> None:
    chosen = hyperparameters("best", model).model_copy(
        update={"optimizer": optimizer, "batch_size": 8}
    )
    network = Network()
    before = validate(network, examples(), chosen)
    one_epoch(network, chosen)
    assert validate(network, examples(), chosen).loss < before.loss


def test_every_example_is_seen_once_and_the_short_last_batch_too() -> None:
    seen: list[int] = []

    class Recording(Network):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(len(images))
            return super().forward(images)

    calls: list[tuple[int, int]] = []
    network, chosen = Recording(), settings()
    optimizer = optimizer_for(network, chosen)
    result = train_epoch(
        network,
        examples(),
        settings=chosen,
        optimizer=optimizer,
        scheduler=scheduler_for(optimizer, chosen, 3),
        order=epoch_generator(0, 1),
        on_batch=lambda done, total: calls.append((done, total)),
    )
    assert seen == [8, 8, 5]
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert result.examples == 21


@pytest.mark.parametrize(
    ("examples", "size", "sizes"),
    [
        (21, 8, [8, 8, 5]),
        (17, 8, [8, 9]),
        (16, 8, [8, 8]),
        (3, 8, [3]),
        (1, 8, [1]),
        (2, 1, [1, 1]),
    ],
)
def test_batches_hold_every_example_and_none_is_left_alone(
    examples: int, size: int, sizes: list[int]
) -> None:
    assert batch_sizes(examples, size) == sizes


def test_resnet_trains_when_one_example_would_be_left_over() -> None:
    # 8x8 pixels are 1x1 in the last stage, where batch normalization of one example fails.
    network = build("resnet18", num_classes=3, in_channels=1, image_size=(8, 8))
    images = np.zeros((9, 1, 8, 8), dtype=np.uint8)
    data = examples_on_device(images, np.arange(9) % 3, np.arange(9), CPU)
    chosen = settings()
    optimizer = optimizer_for(network, chosen)
    result = train_epoch(
        network,
        data,
        settings=chosen,
        optimizer=optimizer,
        scheduler=scheduler_for(optimizer, chosen, 10),
        order=epoch_generator(0, 1),
        on_batch=lambda done, total: None,
    )
    assert result.examples == 9


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 40, 1000])
def test_one_cycle_rises_to_the_peak_and_falls_to_nearly_nothing(steps: int) -> None:
    factors = [one_cycle_factor(step, steps) for step in range(steps)]
    peak = factors.index(max(factors))
    assert max(factors) == pytest.approx(1.0, abs=0.01)
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert min(factors) > 0
    assert peak == max(0, round(steps / 4) - 1) or steps < 8
    assert factors[-1] < 0.01 or steps < 40


def test_order_differs_from_epoch_to_epoch_and_not_from_run_to_run() -> None:
    orders = [torch.randperm(50, generator=epoch_generator(0, epoch)) for epoch in (1, 1, 2)]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])


def test_validation_counts_what_numpy_counts() -> None:
    network, data = Network(), examples()
    result = validate(network, data, settings())
    logits = network(data.images_NCHW).detach().double().numpy()
    labels = data.labels_N.numpy()
    assert result.correct == (logits.argmax(axis=1) == labels).sum()
    log_sum = np.log(np.exp(logits).sum(axis=1))
    assert result.loss_sum == pytest.approx((log_sum - logits[np.arange(21), labels]).sum(), 1e-6)


def test_training_ends_when_the_loss_is_no_number() -> None:
    network = Network()
    with torch.no_grad():
        network.linear.weight[0, 0] = torch.nan
    with pytest.raises(UnfinishedError, match="the loss became nan"):
        one_epoch(network, settings())
    with pytest.raises(UnfinishedError, match="the validation loss became nan"):
        validate(network, examples(), settings())
