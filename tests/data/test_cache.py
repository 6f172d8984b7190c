import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data import cache, load_dataset
from data.sources import source_from_spec
from errors import DatasetError
from tests.data.conftest import Arrays, write_npz
from untrusted.sealed_json import sealed


@pytest.fixture
def entry(npz_path: Path, cache_home: Path) -> Path:
    """Return the directory of the one entry, made by a first load."""
    load_dataset(str(npz_path))
    (directory,) = (cache_home / "onnxproof" / "prepared").iterdir()
    return directory


def test_cached_dataset_equals_the_prepared_one(
    npz_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = load_dataset(str(npz_path))
    cached = load_dataset(str(npz_path))
    assert isinstance(cached.train.images, np.memmap)
    assert not isinstance(prepared.train.images, np.memmap)
    assert cached.sha256 == prepared.sha256
    assert (cached.name, cached.classes) == (prepared.name, prepared.classes)
    assert cached.train.sha256 == prepared.train.sha256
    assert np.array_equal(cached.train.images, prepared.train.images)
    assert np.array_equal(cached.test.labels, prepared.test.labels)
    assert not caplog.records


def test_entry_holds_five_files_and_nothing_is_left_over(entry: Path) -> None:
    assert sorted(path.name for path in entry.iterdir()) == [
        "dataset.json",
        "test_images.npy",
        "test_labels.npy",
        "train_images.npy",
        "train_labels.npy",
    ]
    assert list(entry.parent.iterdir()) == [entry]


def test_test_split_is_served_without_the_training_files(npz_path: Path, entry: Path) -> None:
    for path in entry.glob("train_*"):
        path.unlink()
    dataset = load_dataset(str(npz_path))
    assert len(dataset.test) == 6
    assert isinstance(dataset.test.images, np.memmap)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def store_floats(path: Path) -> None:
    np.save(path, np.load(path).astype(np.float32))


def store_fortran_order(path: Path) -> None:
    np.save(path, np.asfortranarray(np.load(path)))


@pytest.mark.parametrize(
    "damage",
    [truncate, flip_last_byte, empty, Path.unlink, replace_by_directory, store_floats],
)
@pytest.mark.parametrize("name", ["train_images.npy", "test_labels.npy"])
def test_entry_is_made_anew_when_an_array_is_damaged(
    npz_path: Path,
    arrays: Arrays,
    entry: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    name: str,
) -> None:
    damage(entry / name)
    dataset = load_dataset(str(npz_path))
    assert np.array_equal(dataset.train.images, arrays["train_images"])
    assert np.array_equal(dataset.test.labels, arrays["test_labels"])
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


def test_entry_is_made_anew_when_images_are_in_another_order(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store_fortran_order(entry / "train_images.npy")
    assert load_dataset(str(npz_path)).train.images.flags.c_contiguous
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


def test_entry_is_made_anew_when_an_array_is_a_named_pipe(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("train_images.npy", "test_labels.npy"):
        (entry / name).unlink()
        os.mkfifo(entry / name)
        assert len(load_dataset(str(npz_path)).train) == 12
        assert len(load_dataset(str(npz_path)).test) == 6
    assert "is a named pipe: wanted a regular file" in caplog.text


def test_entry_is_made_anew_when_its_record_is_a_named_pipe(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (entry / "dataset.json").unlink()
    os.mkfifo(entry / "dataset.json")
    assert len(load_dataset(str(npz_path)).train) == 12
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"{}",
        b'{"image_shape": [1]}',
        b"\xff",
        b"[" * 100_000,
        b'{"image_shape": [Infinity, 1, 1]}',
        b'{"name": "\\ud800"}',
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
)
def test_entry_is_made_anew_when_its_record_is_damaged(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture, record: bytes
) -> None:
    (entry / "dataset.json").write_bytes(record)
    assert len(load_dataset(str(npz_path)).train) == 12
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


def test_entry_is_made_anew_when_its_record_is_missing(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (entry / "dataset.json").unlink()
    assert len(load_dataset(str(npz_path)).train) == 12
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


EDITS = [
    ("name", "other"),
    ("image_shape", [3, 4, 5]),
    ("classes", ["cat", "1", "2"]),
    ("examples", {"train": 12, "test": "many"}),
    ("split_sha256", {"test": 5}),
]


def edit_record(entry: Path, key: str, value: object, *, sign: bool) -> None:
    path = entry / "dataset.json"
    record = json.loads(path.read_text())
    record[key] = value
    path.write_text(json.dumps(sealed(record) if sign else record))


@pytest.mark.parametrize(("key", "value"), EDITS)
def test_entry_is_made_anew_when_its_record_was_edited(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture, key: str, value: object
) -> None:
    edit_record(entry, key, value, sign=False)
    dataset = load_dataset(str(npz_path))
    assert (dataset.name, dataset.classes) == ("small-set", ("0", "1", "2"))
    assert dataset.image_shape == (3, 5, 4)
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


@pytest.mark.parametrize(("key", "value"), EDITS[2:])
def test_entry_is_made_anew_when_its_record_contradicts_itself(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture, key: str, value: object
) -> None:
    edit_record(entry, key, value, sign=True)
    assert load_dataset(str(npz_path)).classes == ("0", "1", "2")
    assert_one_warning_and_a_sound_entry(npz_path, entry, caplog)


def assert_one_warning_and_a_sound_entry(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{entry}: damaged cache entry")
    caplog.clear()
    again = load_dataset(str(npz_path))
    assert isinstance(again.train.images, np.memmap)
    assert isinstance(again.test.images, np.memmap)
    assert not caplog.records


def test_split_refused_when_entry_is_damaged_and_its_source_is_another(
    npz_path: Path, arrays: Arrays, entry: Path
) -> None:
    dataset = load_dataset(str(npz_path))
    write_npz(npz_path, {**arrays, "train_images": arrays["train_images"][::-1]})
    flip_last_byte(entry / "test_images.npy")
    with pytest.raises(DatasetError, match="changed while it was in use"):
        _ = dataset.test


def test_dataset_is_served_from_memory_when_the_cache_cannot_be_written(
    npz_path: Path, cache_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache_home.write_text("a file where a directory should be")
    dataset = load_dataset(str(npz_path))
    assert len(dataset.train) == 12
    (record,) = caplog.records
    assert record.getMessage().startswith("small-set: not cached")


def test_nothing_is_left_when_the_disk_is_full(
    npz_path: Path,
    cache_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert len(load_dataset(str(npz_path)).test) == 6
    assert "No space left on device" in caplog.text
    assert list((cache_home / "onnxproof" / "prepared").iterdir()) == []


def test_entry_of_the_first_process_stays_when_two_store_the_same(
    npz_path: Path, entry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = (entry / "dataset.json").stat()
    key = source_from_spec(str(npz_path), None).key()
    assert entry.name == key
    cache.store(key, load_dataset(str(npz_path)))
    assert (entry / "dataset.json").stat() == first
    assert list(entry.parent.iterdir()) == [entry]
    assert not caplog.records


def test_key_changes_with_touch_size_path_and_nothing_else(
    npz_path: Path, arrays: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(spec: Path) -> str:
        return source_from_spec(str(spec), None).key()

    before = key(npz_path)
    monkeypatch.chdir(tmp_path)
    assert key(Path(npz_path.name)) == before
    shutil.copy2(npz_path, tmp_path / "other.npz")
    assert key(tmp_path / "other.npz") != before
    # The old time of writing put back, as `cp -p` does.
    write_npz(tmp_path / "other.npz", {**arrays, "test_labels": arrays["test_labels"][::-1]})
    shutil.copystat(npz_path, tmp_path / "other.npz")
    (tmp_path / "other.npz").replace(npz_path)
    assert key(npz_path) != before
