"""The networks without torchvision, against the same arithmetic written out."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.lenet import LeNet5
from models.perceptrons import logistic, mlp


def lenet5_written_out(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """LeNet-5 in functions, the padding as a larger array of zeros with the image put into it."""
    rows, columns = (max(side, 32) for side in images.shape[2:])
    padded = torch.zeros(*images.shape[:2], rows, columns)
    top, left = (rows - images.shape[2]) // 2, (columns - images.shape[3]) // 2
    padded[:, :, top : top + images.shape[2], left : left + images.shape[3]] = images
    x = padded
    for layer in ("c1", "c3"):
        x = functional.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"]).clamp(min=0)
        x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    x = x.reshape(len(images), -1)
    for layer in ("c5", "f6"):
        x = (x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]).clamp(min=0)
    return x @ weights["output.weight"].T + weights["output.bias"]


@pytest.mark.parametrize(
    ("channels", "image_size"),
    [(1, (28, 28)), (3, (32, 32)), (1, (8, 8)), (1, (31, 29)), (3, (20, 45)), (1, (40, 40))],
)
def test_lenet5_equals_its_arithmetic_written_out(
    channels: int, image_size: tuple[int, int]
) -> None:
    network = LeNet5(10, channels, image_size)
    images = torch.randn(3, channels, *image_size)
    wanted = lenet5_written_out(network.state_dict(), images)
    torch.testing.assert_close(network(images), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("c1", (6, 1, 5, 5)),
        ("c3", (16, 6, 5, 5)),
        ("c5", (120, 400)),
        ("f6", (84, 120)),
        ("output", (10, 84)),
    ],
)
def test_lenet5_has_the_papers_layers(layer: str, shape: tuple[int, ...]) -> None:
    assert LeNet5(10, 1, (28, 28)).state_dict()[f"{layer}.weight"].shape == shape


def test_logistic_is_one_linear_map_of_all_pixels() -> None:
    network = logistic(10, 3, (4, 5))
    weight, bias = network.parameters()
    images = torch.randn(6, 3, 4, 5)
    assert weight.shape == (10, 60)
    torch.testing.assert_close(network(images), images.reshape(6, 60) @ weight.T + bias)


def test_mlp_is_784_128_64_10_with_relu_between() -> None:
    network = mlp(10, 1, (28, 28))
    images = torch.randn(6, 1, 28, 28)
    (w1, b1), (w2, b2), (w3, b3) = zip(*[iter(network.parameters())] * 2, strict=True)
    hidden = (images.reshape(6, 784) @ w1.T + b1).clamp(min=0)
    wanted = (hidden @ w2.T + b2).clamp(min=0) @ w3.T + b3
    assert [tuple(w.shape) for w in (w1, w2, w3)] == [(128, 784), (64, 128), (10, 64)]
    torch.testing.assert_close(network(images), wanted, atol=1e-6, rtol=1e-5)
