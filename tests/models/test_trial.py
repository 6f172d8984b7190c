from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from errors import UsageError
from models import build
from models.classifier import Classifier
from models.trial import require_logits

SHAPE: dict[str, Any] = {"num_classes": 3, "in_channels": 1, "image_size": (4, 4)}


class _As(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> object:
        return self.function(images)


def tried(function: Callable[[Tensor], object]) -> None:
    classifier = Classifier(_As(function), mean=[0.0], std=[255.0])
    require_logits(classifier, "net.py:factory", **SHAPE)


def test_logits_pass_and_the_mode_stays() -> None:
    classifier = build("mlp", **SHAPE).train()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    require_logits(classifier, "mlp", **SHAPE)
    assert classifier.training
    assert all(torch.equal(before[n], value) for n, value in classifier.state_dict().items())


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: x.flatten(1)[:, :4], r"wanted float logits \[2, 3\] .* found float32 \[2, 4\]"),
        (lambda x: x.flatten(1)[:1, :3], r"found float32 \[1, 3\]"),
        (lambda x: x.flatten(1)[:, :3].int(), r"found int32 \[2, 3\]"),
        (lambda x: {"logits": x}, "found dict"),
        (lambda x: (x, x), "found tuple"),
        (lambda x: x @ torch.zeros(7, 3), "on 1x4x4 images: RuntimeError"),
    ],
)
def test_what_is_no_logits_is_refused(function: Callable[[Tensor], object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        tried(function)


def test_library_s_network_says_for_which_images_it_was_designed() -> None:
    shape = SHAPE | {"image_size": (28, 28)}
    classifier = build("torchvision:vgg11", **shape)
    with pytest.raises(
        UsageError, match=r"vgg11 on 1x28x28 images: .* at torchvision/models/vgg\.py"
    ) as caught:
        require_logits(classifier, "torchvision:vgg11", **shape)
    assert caught.value.hint == "it was designed for 224x224 pixels: add --image-size 224"
