import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchvision.models
from torch import nn

from errors import UsageError
from models import MODEL_NAMES, build
from models.cost import parameter_count

ROOT = Path(__file__).parents[2]
RESNETS = tuple(name for name in MODEL_NAMES if name.startswith("resnet"))
QUICK = ("logistic", "mlp", "lenet5", "resnet18")  # to run; the others are only built


def test_names_are_the_contracts() -> None:
    resnets = ("resnet18", "resnet34", "resnet50", "resnet101")
    assert resnets == RESNETS
    assert ("logistic", "mlp", "lenet5", *resnets) == MODEL_NAMES


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 32])
def test_network_gives_float32_logits_of_uint8_images(name: str, channels: int, side: int) -> None:
    network = build(name, num_classes=7, in_channels=channels, image_size=(side, side)).eval()
    images = torch.randint(0, 256, (2, channels, side, side), dtype=torch.uint8)
    with torch.inference_mode():
        logits = network(images)
    assert (logits.dtype, logits.shape) == (torch.float32, (2, 7))
    assert torch.isfinite(logits).all()
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("name", ["logistic", "mlp", "lenet5"])
def test_network_takes_images_that_are_not_square(name: str) -> None:
    network = build(name, num_classes=3, in_channels=1, image_size=(20, 45))
    assert network(torch.zeros(4, 1, 20, 45, dtype=torch.uint8)).shape == (4, 3)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("logistic", 784 * 10 + 10),
        ("mlp", 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10),
        ("lenet5", 61_706),
    ],
)
def test_network_on_grey_digits_has_the_papers_parameters(name: str, wanted: int) -> None:
    network = build(name, num_classes=10, in_channels=1, image_size=(28, 28))
    assert parameter_count(network) == wanted


@pytest.mark.parametrize("name", RESNETS)
@pytest.mark.parametrize(
    ("channels", "side", "classes", "stem"), [(1, 28, 10, 3), (3, 32, 10, 3), (3, 96, 20, 7)]
)
def test_resnet_has_torchvisions_parameters_but_stem_and_classifier(
    name: str, channels: int, side: int, classes: int, stem: int
) -> None:
    with torch.device("meta"):  # counting needs no memory and no initialization
        original = torchvision.models.get_model(name)
        network = build(
            name, num_classes=classes, in_channels=channels, image_size=(side, side)
        ).network
    features = 512 if name in ("resnet18", "resnet34") else 2048
    wanted = sum(parameter.numel() for parameter in original.parameters())
    wanted += 64 * (channels * stem**2 - 3 * 7**2)
    wanted += (features + 1) * (classes - 1000)
    assert parameter_count(network) == wanted


@pytest.mark.parametrize(
    ("image_size", "is_small"),
    [((28, 28), True), ((64, 64), True), ((65, 65), False), ((28, 65), False), ((65, 28), False)],
)
def test_resnet_has_a_3x3_stem_up_to_64_pixels_and_a_7x7_one_above(
    image_size: tuple[int, int], is_small: bool
) -> None:
    with torch.device("meta"):
        network = build("resnet18", num_classes=10, in_channels=3, image_size=image_size).network
    stem, pool = network.get_submodule("conv1"), network.get_submodule("maxpool")
    assert isinstance(stem, nn.Conv2d)
    assert (stem.kernel_size, stem.stride) == (((3, 3), (1, 1)) if is_small else ((7, 7), (2, 2)))
    assert isinstance(pool, nn.Identity if is_small else nn.MaxPool2d)


@pytest.mark.parametrize(("side", "map_side"), [(32, 32), (96, 24)])
def test_resnet_keeps_small_images_large_in_its_first_stage(side: int, map_side: int) -> None:
    network = build("resnet18", num_classes=10, in_channels=1, image_size=(side, side)).eval()
    sides = []
    stage = network.network.get_submodule("layer1")
    stage.register_forward_hook(lambda module, inputs, output: sides.append(output.shape[-1]))
    with torch.inference_mode():
        network(torch.zeros(1, 1, side, side, dtype=torch.uint8))
    assert sides == [map_side]


@pytest.mark.parametrize("name", ["lenet", "", "RESNET18", "resnet19"])
def test_unknown_name_is_refused_with_the_right_ones(name: str) -> None:
    with pytest.raises(UsageError, match=f"unknown network '{name}'") as caught:
        build(name, num_classes=10, in_channels=1, image_size=(28, 28))
    assert caught.value.problem.startswith(f"wanted one of {', '.join(MODEL_NAMES)}; ")


def test_importing_models_loads_no_torch() -> None:
    program = "import sys, models; print('torch' in sys.modules, len(models.MODEL_NAMES))"
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert outcome.stdout == "False 7\n"
