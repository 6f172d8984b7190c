import json
import logging
from pathlib import Path

import numpy as np
import pytest

from data import UNLABELLED, load_dataset
from data.dataset import dataset_sha256
from errors import DatasetError
from tests.data.conftest import Arrays, write_npz
from tests.data.test_image_folder import COLOUR, GREY, save
from untrusted.sealed_json import canonical_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Holiday photos"
    save(root / "b.png", GREY + 1)
    save(root / "a.PNG", GREY)
    save(root / "c 😀\n.bmp", GREY + 2)
    return root


def test_folder_of_images_is_one_test_split_without_labels(folder: Path) -> None:
    for _ in ("prepared", "cached"):
        dataset = load_dataset(str(folder))
        assert dataset.name == "holiday-photos"
        assert not dataset.labelled
        assert dataset.classes == ()
        assert dataset.split_names == ("test",)
        assert set(dataset.split_sha256) == {"test"}
        assert dataset.image_shape == (1, 6, 5)
        assert dataset.test.images[:, 0].tolist() == [
            g.tolist() for g in (GREY, GREY + 1, GREY + 2)
        ]
        assert dataset.test.labels.dtype == np.int64
        assert dataset.test.labels.tolist() == [UNLABELLED] * 3
        with pytest.raises(DatasetError, match=r"holiday-photos: has no training images: .*wanted"):
            _ = dataset.train
    assert isinstance(dataset.test.images, np.memmap)


def test_entry_in_the_cache_has_the_test_split_alone(folder: Path, cache_home: Path) -> None:
    dataset = load_dataset(str(folder))
    (entry,) = (cache_home / "onnxproof" / "prepared").iterdir()
    assert sorted(path.name for path in entry.iterdir()) == [
        "dataset.json",
        "test_images.npy",
        "test_labels.npy",
    ]
    record = json.loads((entry / "dataset.json").read_text())
    assert record["examples"] == {"test": 3}
    (entry / "test_images.npy").write_bytes(b"")
    assert load_dataset(str(folder)).test.sha256 == dataset.test.sha256


def test_labelled_entry_without_its_training_split_is_made_anew(
    tmp_path: Path, arrays: Arrays, cache_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_npz(tmp_path / "a.npz", arrays)
    load_dataset(str(tmp_path / "a.npz"))
    (entry,) = (cache_home / "onnxproof" / "prepared").iterdir()
    record = json.loads((entry / "dataset.json").read_text())
    del record["split_sha256"]["train"]
    (entry / "dataset.json").write_text(json.dumps(record))
    dataset = load_dataset(str(tmp_path / "a.npz"))
    assert dataset.labelled
    assert len(dataset.train) == 12
    assert "damaged cache entry" in caplog.text


def test_sha256_is_over_the_splits_that_there_are() -> None:
    assert canonical_json({"classes": [], "test": "22"}) == b'{"classes":[],"test":"22"}'
    assert dataset_sha256((), {"test": "22"}) != dataset_sha256((), {"test": "22", "train": "11"})


def test_one_colour_image_makes_all_three_channels(folder: Path) -> None:
    save(folder / "d.png", COLOUR)
    dataset = load_dataset(str(folder))
    assert dataset.image_shape == (3, 6, 5)
    assert np.array_equal(dataset.test.images[2], [GREY + 2] * 3)
    assert np.array_equal(dataset.test.images[3], COLOUR.transpose(2, 0, 1))


def test_sizes_are_wanted_alike_or_made_so(folder: Path) -> None:
    save(folder / "d.png", GREY.T)
    with pytest.raises(DatasetError, match="wanted images of one size") as caught:
        load_dataset(str(folder))
    assert "--image-size" in (caught.value.hint or "")
    assert load_dataset(str(folder), image_size=(3, 2)).test.images.shape == (4, 1, 3, 2)


def test_what_is_no_image_is_passed_over_by_name(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    (folder / "folder.png").mkdir()
    with caplog.at_level(logging.WARNING, "onnxproof"):
        assert len(load_dataset(str(folder)).test) == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}: 2 files passed over that are no images, first {folder / 'folder.png'}"
    ]


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_folder_refused_when_a_file_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "bad.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"bad\.png: not a readable image"):
        load_dataset(str(folder))


def test_folder_refused_when_nothing_in_it_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match="found a folder with none of these"):
        load_dataset(str(tmp_path))


def test_folder_with_train_is_an_image_folder_whatever_lies_beside(tmp_path: Path) -> None:
    save(tmp_path / "train" / "cat" / "a.png", GREY)
    save(tmp_path / "test" / "cat" / "a.png", GREY)
    save(tmp_path / "stray.png", GREY)
    dataset = load_dataset(str(tmp_path))
    assert dataset.labelled
    assert dataset.split_names == ("train", "test")
