import numpy as np
import pytest
import torch
from torch import nn

from models import build
from models.inference import logits_function

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_are_the_network_s_in_evaluation_mode(dtype: torch.dtype) -> None:
    network = build("mlp", num_classes=10, in_channels=1, image_size=(28, 28))
    dropping = nn.Sequential(network, nn.Dropout(0.9)).train()
    found = logits_function(dropping, CPU, dtype)(IMAGES)
    with torch.no_grad():
        wanted = network.to(dtype)(torch.from_numpy(IMAGES)).numpy()
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_memory_that_must_not_be_written_is_read_without_a_warning() -> None:
    function = logits_function(nn.Flatten(), CPU)
    images = IMAGES.copy()
    images.flags.writeable = False
    np.testing.assert_array_equal(function(images), IMAGES.reshape(3, -1))
