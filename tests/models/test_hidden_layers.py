"""Networks with hidden layers of other widths, and with dropout."""

import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from errors import UsageError
from models import MODEL_NAMES, build
from models.classifier import Classifier
from models.cost import parameter_count
from models.foreign_weights import ForeignWeights, class_count, head_names, hidden_widths
from models.hidden_layers import HIDDEN_LAYERS, LARGEST_WIDTH, chosen_widths
from models.names import network_name

GREY = (1, (28, 28))


def network(
    name: str, widths: tuple[int, ...] | None = None, dropout: float = 0.0, classes: int = 10
) -> Classifier:
    channels, size = GREY
    return build(
        name,
        num_classes=classes,
        in_channels=channels,
        image_size=size,
        widths=widths,
        dropout=dropout,
    )


@pytest.mark.parametrize("widths", [(5,), (128, 64), (7, 9, 11), (4,) * 8])
def test_mlp_has_a_layer_for_each_width(widths: tuple[int, ...]) -> None:
    sizes = (784, *widths, 10)
    wanted = sum(inputs * outputs + outputs for inputs, outputs in itertools.pairwise(sizes))
    found = network("mlp", widths)
    assert parameter_count(found) == wanted
    assert found(torch.zeros(3, 1, 28, 28, dtype=torch.uint8)).shape == (3, 10)


def test_lenet5_has_c5_and_f6_of_the_widths() -> None:
    found = network("lenet5", (30, 20))
    convolutions = 6 * (25 + 1) + 16 * (6 * 25 + 1)
    linear = 400 * 30 + 30 + 30 * 20 + 20 + 20 * 10 + 10
    assert parameter_count(found) == convolutions + linear
    assert found(torch.zeros(3, 1, 28, 28, dtype=torch.uint8)).shape == (3, 10)


@pytest.mark.parametrize("name", HIDDEN_LAYERS)
def test_own_widths_are_those_of_a_network_without_any(name: str) -> None:
    own = network(name, HIDDEN_LAYERS[name].widths).state_dict()
    usual = network(name).state_dict()
    assert {key: tensor.shape for key, tensor in own.items()} == {
        key: tensor.shape for key, tensor in usual.items()
    }


@pytest.mark.parametrize("name", HIDDEN_LAYERS)
def test_weights_have_the_same_names_with_dropout_as_without(name: str) -> None:
    with_dropout, without = network(name, dropout=0.5), network(name)
    with_dropout.load_state_dict(without.state_dict())
    images = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    assert torch.equal(with_dropout.eval()(images), without.eval()(images))


def test_dropout_leaves_out_that_share_of_each_hidden_layer_while_training() -> None:
    found = network("mlp", (4000, 3000), dropout=0.25).network.train()
    assert isinstance(found, nn.Sequential)
    for layer, width in ((2, 4000), (4, 3000)):
        kept = found[layer](torch.ones(1, width))
        share = (kept == 0).float().mean().item()
        assert share == pytest.approx(0.25, abs=0.04)  # five standard deviations
        assert kept.max().item() == pytest.approx(1 / 0.75)  # so that the mean stays
    assert sum(isinstance(one, nn.Dropout) for one in found.modules()) == 2


@pytest.mark.parametrize("name", HIDDEN_LAYERS)
def test_dropout_changes_logits_while_training_alone(name: str) -> None:
    torch.manual_seed(0)
    found = network(name, dropout=0.5)
    images = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    assert not torch.equal(found.train()(images), found(images))
    assert torch.equal(found.eval()(images), found(images))
    torch.manual_seed(0)
    without = network(name).train()
    assert torch.equal(without(images), without(images))


def test_network_without_dropout_draws_no_random_number() -> None:
    for name in HIDDEN_LAYERS:
        found = network(name).train()
        before = torch.get_rng_state()
        found(torch.zeros(3, 1, 28, 28, dtype=torch.uint8))
        assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("widths", [(5,), (7, 9, 11)])
def test_head_is_found_behind_other_layers(widths: tuple[int, ...]) -> None:
    last = f"{2 * len(widths) + 1}."
    found = head_names(network_name("mlp"), *GREY, widths)
    assert found == {f"{last}weight", f"{last}bias"}


@pytest.mark.parametrize("name", sorted(set(MODEL_NAMES) - set(HIDDEN_LAYERS)))
def test_other_networks_leave_no_choice(name: str) -> None:
    assert chosen_widths(name, None) == ()
    for option, widths, dropout in (("--widths", (5,), 0.0), ("--dropout", None, 0.1)):
        with pytest.raises(UsageError) as caught:
            network(name, widths, dropout)
        assert str(caught.value) == f"{option}: {name} has none: wanted mlp or lenet5"


@pytest.mark.parametrize(
    ("name", "widths", "dropout", "told"),
    [
        ("mlp", (), 0.0, "--widths: wanted 1 to 8 of them for mlp, found 0"),
        ("mlp", (4,) * 9, 0.0, "--widths: wanted 1 to 8 of them for mlp, found 9"),
        ("lenet5", (4,), 0.0, "--widths: wanted 2 of them for lenet5, found 1"),
        ("mlp", (8, 0), 0.0, f"--widths: wanted each from 1 to {LARGEST_WIDTH}, found 8,0"),
        ("mlp", (1 << 17,), 0.0, f"--widths: wanted each from 1 to {LARGEST_WIDTH}, found 131072"),
        ("mlp", None, 1.0, "--dropout: wanted from 0 to below 1, found 1.0"),
        ("mlp", None, -0.1, "--dropout: wanted from 0 to below 1, found -0.1"),
        ("mlp", None, float("nan"), "--dropout: wanted from 0 to below 1, found nan"),
    ],
)
def test_what_a_network_cannot_have_is_refused(
    name: str, widths: tuple[int, ...] | None, dropout: float, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        network(name, widths, dropout)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("mlp", (5,)),
        ("mlp", (6, 4, 8, 3, 9, 7)),
        ("lenet5", (9, 7)),
        ("mlp", None),
        ("logistic", None),
    ],
)
@pytest.mark.parametrize("prefix", ["", "network.", "module."])
def test_widths_and_classes_are_found_in_weights_from_elsewhere(
    name: str, widths: tuple[int, ...] | None, prefix: str
) -> None:
    tensors = network(name, widths, classes=4).network.state_dict()
    weights = ForeignWeights(
        path=Path("net.pt"), tensors={f"{prefix}{key}": value for key, value in tensors.items()}
    )
    named = network_name(name)
    assert hidden_widths(weights, named, *GREY) == widths
    assert class_count(weights, named, *GREY, widths) == 4


def test_weights_of_no_such_network_say_no_widths() -> None:
    deep = {f"{2 * number + 1}.weight": torch.zeros(3, 3) for number in range(12)}
    for tensors in (deep, {"1.weight": torch.zeros(3, 784)}, {"other": torch.zeros(2)}):
        weights = ForeignWeights(path=Path("net.pt"), tensors=tensors)
        assert hidden_widths(weights, network_name("mlp"), *GREY) is None
