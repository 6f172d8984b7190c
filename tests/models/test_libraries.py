import pytest
import torch
import torchvision.models
from torch import nn

from errors import UnusableError, UsageError
from models import build
from models.libraries import designed_size, library_names, normalization
from models.trial import require_logits


def test_names_are_all_classification_networks_of_torchvision() -> None:
    names = library_names("torchvision")
    assert len(names) >= 75
    assert {"alexnet", "vit_b_16", "maxvit_t"} < set(names)
    assert not any("segmentation" in name or "rcnn" in name for name in names)


@pytest.mark.parametrize(
    ("name", "side"),
    [("mobilenet_v3_small", 32), ("vit_b_32", 64), ("googlenet", 32), ("maxvit_t", 224)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_network_of_torchvision_takes_grey_and_rgb_images(
    name: str, side: int, channels: int
) -> None:
    shape = {"num_classes": 7, "in_channels": channels, "image_size": (side, side)}
    classifier = build(f"torchvision:{name}", **shape)  # type: ignore[arg-type]
    require_logits(classifier, name, **shape)  # type: ignore[arg-type]


def test_grey_images_are_given_as_three_alike() -> None:
    shape = {"num_classes": 7, "image_size": (64, 64), "mean": [10.0, 20.0, 30.0], "std": [2.0]}
    torch.manual_seed(0)
    grey = build("torchvision:alexnet", in_channels=1, **shape).eval()  # type: ignore[arg-type]
    torch.manual_seed(0)
    rgb = build("torchvision:alexnet", in_channels=3, **shape).eval()  # type: ignore[arg-type]
    images = torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)
    assert torch.equal(grey(images), rgb(images.expand(-1, 3, -1, -1)))
    by_hand = (images.float() - torch.tensor([10.0, 20.0, 30.0]).view(1, 3, 1, 1)) / 2
    assert torch.equal(grey(images), grey.network(by_hand))


def test_images_that_are_neither_grey_nor_rgb_are_refused() -> None:
    with pytest.raises(UsageError, match="takes grey or RGB images, found 4 channels"):
        build("torchvision:alexnet", num_classes=3, in_channels=4, image_size=(64, 64))


def test_training_gives_logits_alone_where_torchvision_would_add_others() -> None:
    network = build("torchvision:googlenet", num_classes=3, in_channels=3, image_size=(32, 32))
    logits = network.train()(torch.zeros((2, 3, 32, 32), dtype=torch.uint8))
    assert logits.shape == (2, 3)


def test_unknown_network_is_refused_with_those_that_are_near() -> None:
    with pytest.raises(UsageError, match=r"torchvision has no .* 'resnet19'") as caught:
        build("torchvision:resnet19", num_classes=3, in_channels=3, image_size=(64, 64))
    assert "resnet18" in str(caught.value.hint)


def test_detection_network_is_no_classifier() -> None:
    with pytest.raises(UsageError, match="no classification network 'fcn_resnet50'"):
        build("torchvision:fcn_resnet50", num_classes=3, in_channels=3, image_size=(64, 64))


def test_image_size_that_a_network_was_designed_for_is_its_weights_own() -> None:
    assert designed_size("torchvision:inception_v3") == 299
    assert designed_size("torchvision:vit_h_14") == 224  # its other weights were tuned for 518


def test_normalization_is_what_the_library_s_weights_want() -> None:
    mean, std = normalization("torchvision:resnet18")
    assert mean == pytest.approx([123.675, 116.28, 103.53])
    assert std == pytest.approx([58.395, 57.12, 57.375])


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_normalization_is_that_of_torchvision_s_own_input_transform(name: str) -> None:
    """With weights, torchvision turns ImageNet's normalization into its own within the network."""
    builder = torchvision.models.get_model_builder(name)
    network: nn.Module = builder(
        weights=None, transform_input=True, init_weights=False, aux_logits=False
    )
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    pixels = torch.randint(0, 256, (1, 3, 4, 4)).float()
    imagenet = torch.tensor(preset.mean).view(1, 3, 1, 1), torch.tensor(preset.std).view(1, 3, 1, 1)
    theirs = network._transform_input((pixels / 255 - imagenet[0]) / imagenet[1])  # type: ignore[operator]
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in normalization(f"torchvision:{name}"))
    assert torch.allclose((pixels - mean) / std, theirs, atol=1e-5)


def test_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UnusableError, match="timm is not installed") as caught:
        build("timm:resnet18", num_classes=3, in_channels=3, image_size=(64, 64))
    assert caught.value.hint == "python -m pip install '.[timm]'"
