from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data import load_dataset
from data.resizing import resized_images
from tests.data.conftest import Arrays, write_npz
from tests.data.test_idx import write_idx_folder


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(5, 11), (24, 40), (1, 1)])
def test_images_are_what_torch_makes_of_them(channels: int, size: tuple[int, int]) -> None:
    """torch's own antialiased bilinear, in floats, is the other oracle."""
    images = np.random.default_rng(0).integers(0, 256, (3, channels, 16, 20), dtype=np.uint8)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(images).double(), size, mode="bilinear", antialias=True
    ).numpy()
    found = resized_images(images, size)
    assert found.dtype == np.uint8
    assert found.shape == (3, channels, *size)
    assert np.abs(found - wanted).max() <= 1.01


def test_colours_are_resized_as_pillow_does_it() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 9, 8), dtype=np.uint8)
    for image, found in zip(images, resized_images(images, (5, 4)), strict=True):
        pillow = Image.fromarray(image.transpose(1, 2, 0)).resize((4, 5), Image.Resampling.BILINEAR)
        assert np.array_equal(found.transpose(1, 2, 0), np.asarray(pillow))


def test_images_of_that_size_are_the_same_array() -> None:
    images = np.zeros((2, 3, 5, 4), dtype=np.uint8)
    assert resized_images(images, (5, 4)) is images


def test_dataset_is_resized_and_cached_under_another_key(
    npz_path: Path, arrays: Arrays, cache_home: Path
) -> None:
    original = load_dataset(str(npz_path))
    for _ in ("prepared", "cached"):
        dataset = load_dataset(str(npz_path), image_size=(7, 6))
        assert dataset.image_shape == (3, 7, 6)
        assert dataset.sha256 != original.sha256
        wanted = resized_images(arrays["train_images"].astype(np.uint8), (7, 6))
        assert np.array_equal(dataset.train.images, wanted)
        assert np.array_equal(dataset.test.labels, original.test.labels)
    assert load_dataset(str(npz_path)).sha256 == original.sha256
    assert len(list((cache_home / "onnxproof" / "prepared").iterdir())) == 2


def test_dataset_of_that_size_is_the_same(npz_path: Path) -> None:
    same = load_dataset(str(npz_path), image_size=(5, 4))
    assert same.sha256 == load_dataset(str(npz_path)).sha256
    assert load_dataset("digits", image_size=(28, 28)).sha256 == load_dataset("digits").sha256


def test_splits_of_two_sizes_become_one(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "two.npz"
    write_npz(path, {**arrays, "test_images": np.zeros((6, 3, 9, 9), dtype=np.uint8)})
    assert load_dataset(str(path), image_size=(8, 8)).image_shape == (3, 8, 8)


def test_every_form_is_resized(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "idx")
    for spec in (str(tmp_path / "idx"), "digits"):
        dataset = load_dataset(spec, image_size=(10, 12))
        assert dataset.train.images.shape[1:] == dataset.test.images.shape[1:] == (1, 10, 12)
