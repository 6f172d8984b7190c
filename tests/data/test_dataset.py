import hashlib
from pathlib import Path

import numpy as np
import pytest

from data import load_dataset
from data.dataset import dataset_sha256, split_sha256
from tests.data.conftest import Arrays, write_npz


def test_split_sha256_is_header_images_labels() -> None:
    images = np.arange(2 * 1 * 2 * 3, dtype=np.uint8).reshape(2, 1, 2, 3)
    labels = np.array([1, 258])
    by_hand = (
        b'{"images":{"dtype":"uint8","shape":[2,1,2,3]},"labels":{"dtype":"int64","shape":[2]}}'
        + bytes(range(12))
        + b"\1\0\0\0\0\0\0\0"
        + b"\2\1\0\0\0\0\0\0"
    )
    assert split_sha256(images, labels) == hashlib.sha256(by_hand).hexdigest()


def test_dataset_sha256_is_classes_and_splits() -> None:
    by_hand = '{"classes":["é","b"],"test":"22","train":"11"}'.encode()
    found = dataset_sha256(("é", "b"), {"train": "11", "test": "22"})
    assert found == hashlib.sha256(by_hand).hexdigest()


def test_split_sha256_differs_for_same_bytes_in_another_shape() -> None:
    images = np.zeros((2, 1, 2, 3), dtype=np.uint8)
    labels = np.array([0, 1])
    assert split_sha256(images, labels) != split_sha256(images.reshape(2, 1, 3, 2), labels)


@pytest.mark.parametrize("key", ["train_images", "train_labels", "test_images", "test_labels"])
def test_sha256_changes_when_one_value_changes(tmp_path: Path, arrays: Arrays, key: str) -> None:
    write_npz(tmp_path / "a.npz", arrays)
    changed = arrays[key].copy()
    changed.flat[0] = 2
    write_npz(tmp_path / "b.npz", {**arrays, key: changed})
    before, after = (load_dataset(str(tmp_path / name)) for name in ("a.npz", "b.npz"))
    assert before.sha256 != after.sha256
    split, other = ("train", "test") if key.startswith("train") else ("test", "train")
    assert before.split_sha256[split] != after.split_sha256[split]
    assert before.split_sha256[other] == after.split_sha256[other]


def test_sha256_is_equal_for_another_name_and_label_dtype(tmp_path: Path, arrays: Arrays) -> None:
    write_npz(tmp_path / "a.npz", arrays)
    write_npz(tmp_path / "b.npz", {**arrays, "test_labels": arrays["test_labels"].astype(">i4")})
    first, second = (load_dataset(str(tmp_path / name)) for name in ("a.npz", "b.npz"))
    assert (first.name, second.name) == ("a", "b")
    assert first.sha256 == second.sha256


def test_split_is_read_only_on_first_and_cached_load(npz_path: Path, arrays: Arrays) -> None:
    for _ in ("prepared", "cached"):
        dataset = load_dataset(str(npz_path))
        for split in (dataset.train, dataset.test):
            with pytest.raises(ValueError, match="read-only"):
                split.images[0] = 0
            with pytest.raises(ValueError, match="read-only"):
                split.labels[0] = 0
        assert len(dataset.test) == 6
        assert dataset.train is dataset.train
        assert dataset.image_shape == (3, 5, 4)
        assert dataset.classes == ("0", "1", "2")
        assert np.array_equal(dataset.train.images, arrays["train_images"])
        assert dataset.train.images.flags.c_contiguous
        assert dataset.test.labels.dtype == np.int64
        assert dataset.test.labels.tolist() == [0, 1, 2, 0, 1, 2]
        assert dataset.sha256 in repr(dataset)
