import copy

import pytest
import torch
from torch import nn

from artifacts.choices import Optimizer
from artifacts.training_records import Hyperparameters
from trainers.optimization import learning_rate, one_cycle_factor, optimizer_for
from trainers.recipes import named_recipe


def settings(**changes: object) -> Hyperparameters:
    return named_recipe("best", "mlp", "mnist").settings.model_copy(update=changes)


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


@pytest.mark.parametrize("steps", [8, 20, 100])
def test_one_cycle_is_torch_s_own(steps: int) -> None:
    stepper = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    # Its first and its last rate are the ends of the curve, which no step of ours is taken with.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        stepper,
        max_lr=1.0,
        total_steps=steps + 2,
        pct_start=(steps / 4 + 1) / (steps + 2),
        div_factor=25,
        final_div_factor=1e12,
        cycle_momentum=False,
    )
    for step in range(steps):
        stepper.step()
        schedule.step()
        assert one_cycle_factor(step, steps) == pytest.approx(schedule.get_last_lr()[0], abs=1e-9)


def test_learning_rate_follows_the_schedule() -> None:
    assert learning_rate(settings(schedule="constant", lr=0.3), 17, 40) == 0.3
    cycle = settings(schedule="one-cycle", lr=0.3)
    assert learning_rate(cycle, 17, 40) == 0.3 * one_cycle_factor(17, 40)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_optimizer_takes_the_steps_of_torch_s_plain_one(name: Optimizer) -> None:
    chosen = settings(optimizer=name, lr=0.01, weight_decay=0.1, momentum=0.8)
    torch.manual_seed(0)
    ours = nn.Linear(5, 4)
    plain = copy.deepcopy(ours)
    by_hand: torch.optim.Optimizer
    if name == "sgd":
        by_hand = torch.optim.SGD(
            plain.parameters(), lr=0.01, momentum=0.8, weight_decay=0.1, nesterov=True
        )
    else:
        kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
        by_hand = kind(plain.parameters(), lr=0.01, weight_decay=0.1)
    optimizer = optimizer_for(ours, chosen)
    inputs = torch.randn(20, 3, 5)
    for batch in inputs:
        for network, stepper in ((ours, optimizer), (plain, by_hand)):
            stepper.zero_grad()
            network(batch).square().sum().backward()
            stepper.step()
    for found, wanted in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
