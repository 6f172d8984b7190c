from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from artifacts.chain import trained_network
from artifacts.run_directory import RunDirectory
from data.dataset import Split, dataset_from_splits, split_sha256
from export.reference import reference_logits


class Counting(nn.Module):
    """Gives each image's mean, and notes how many came at once."""

    def __init__(self, seen: list[int]) -> None:
        super().__init__()
        self.seen = seen

    def __deepcopy__(self, memo: object) -> "Counting":
        return Counting(self.seen)  # the same list

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        return images.to(torch.float64).mean(dim=(2, 3))


@pytest.mark.parametrize(("side", "sizes"), [(8, [64, 6]), (112, [20, 20, 20, 10])])
def test_reference_takes_fewer_large_images_at_once(
    finished_run: Path, side: int, sizes: list[int]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (70, 1, side, side)).astype(np.uint8)
    labels = np.arange(70) % 3
    split = Split(images=images, labels=labels, sha256=split_sha256(images, labels))
    dataset = dataset_from_splits("large", ("a", "b", "c"), {"train": split, "test": split})
    seen: list[int] = []
    steps: list[tuple[int, int]] = []
    reference = reference_logits(
        trained_network(RunDirectory(finished_run)),
        dataset,
        Counting(seen),
        torch.device("cpu"),
        lambda done, total: steps.append((done, total)),
    )
    assert seen == sizes * 2  # in float32 and in float64
    np.testing.assert_allclose(reference.float64_NK[:, 0], images.mean(axis=(1, 2, 3)))
    assert steps[-1] == (140, 140)
