import math

import pytest
import torch
from torch import Tensor, nn

from models import build
from models.classifier import Classifier
from models.cost import parameter_count

MEAN, STD = (120.5, 110.25, 90.0), (60.0, 55.5, 70.0)


@pytest.fixture
def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8, generator=generator)


def normalized_by_hand(images: Tensor, dtype: torch.dtype) -> Tensor:
    channels = [(images[:, c].to(dtype) - MEAN[c]) / STD[c] for c in range(3)]
    return torch.stack(channels, dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_classifier_equals_its_network_on_pixels_normalized_by_hand(
    images: Tensor, dtype: torch.dtype
) -> None:
    network = build("mlp", num_classes=4, in_channels=3, image_size=(8, 8), mean=MEAN, std=STD)
    network.to(dtype)
    logits = network(images)
    assert logits.dtype == dtype
    assert torch.equal(logits, network.network(normalized_by_hand(images, dtype)))


def test_pixels_are_scaled_to_0_to_1_when_no_mean_is_given(images: Tensor) -> None:
    network = build("logistic", num_classes=4, in_channels=3, image_size=(8, 8))
    assert torch.equal(network(images), network.network(images / 255))


def test_normalization_is_kept_with_the_weights_but_not_trained() -> None:
    network = Classifier(nn.Linear(2, 2), mean=[1.0], std=[2.0])
    assert set(network.state_dict()) == {"mean", "std", "network.weight", "network.bias"}
    assert parameter_count(network) == 2 * 2 + 2


def test_parameter_count_leaves_out_the_frozen_ones() -> None:
    network = nn.Linear(3, 2)
    network.bias.requires_grad = False
    assert parameter_count(network) == 6


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ([0.0], [0.0]),
        ([0.0], [-1.0]),
        ([0.0, 0.0], [1.0]),
        ([0.0] * 3, [1.0, 1.0, 0.0]),
        ([0.0], [math.nan]),
        ([0.0], [math.inf]),
    ],
)
def test_normalization_that_divides_by_no_positive_number_is_refused(
    mean: list[float], std: list[float]
) -> None:
    with pytest.raises(ValueError, match="std > 0"):
        Classifier(nn.Identity(), mean=mean, std=std)
