import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from data import load_dataset
from data.npz import KEYS, read_npz
from errors import DatasetError
from tests.data.conftest import Arrays, write_npz


def problem(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        load_dataset(str(path))
    assert caught.value.subject == str(path)
    assert "\n" not in str(caught.value)
    return caught.value.problem


def test_npz_arrays_are_what_numpy_wrote(npz_path: Path, arrays: Arrays) -> None:
    raw = read_npz(npz_path)
    assert raw.classes is None
    for key in KEYS:
        assert np.array_equal(getattr(raw, key), arrays[key])


def test_npz_gets_one_channel_when_images_have_none(tmp_path: Path, arrays: Arrays) -> None:
    for split in ("train", "test"):
        arrays[f"{split}_images"] = arrays[f"{split}_images"][:, 0]
    write_npz(tmp_path / "grey.npz", arrays)
    assert load_dataset(str(tmp_path / "grey.npz")).image_shape == (1, 5, 4)


def test_npz_classes_are_named_when_given(tmp_path: Path, arrays: Arrays) -> None:
    write_npz(tmp_path / "named.npz", {**arrays, "classes": np.array(["cat", "dog", "eel"])})
    for _ in ("prepared", "cached"):
        assert load_dataset(str(tmp_path / "named.npz")).classes == ("cat", "dog", "eel")


@pytest.mark.parametrize("classes", [np.array([1, 2, 3]), np.array([["cat", "dog"]])])
def test_npz_classes_refused_when_no_strings(
    tmp_path: Path, arrays: Arrays, classes: NDArray[np.generic]
) -> None:
    write_npz(tmp_path / "a.npz", {**arrays, "classes": classes})
    assert problem(tmp_path / "a.npz").endswith("wanted strings [K]")


@pytest.mark.parametrize("key", KEYS)
def test_npz_refused_when_an_array_is_missing(tmp_path: Path, arrays: Arrays, key: str) -> None:
    del arrays[key]
    write_npz(tmp_path / "a.npz", {**arrays, "extra": np.array([1])})
    assert problem(tmp_path / "a.npz").startswith(f"lacks {key}: found extra, ")


def test_npz_refused_when_it_holds_objects(tmp_path: Path, arrays: Arrays) -> None:
    harmful = np.array([Harmful()], dtype=object)
    write_npz(tmp_path / "a.npz", {**arrays, "train_labels": harmful})
    assert problem(tmp_path / "a.npz").endswith("wanted one of numbers or text: no objects")


class Harmful:
    """Would end the test if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return SystemExit, (99,)


def test_npz_refused_when_it_is_a_pickle(tmp_path: Path) -> None:
    for content in (pickle.dumps([1, 2]), b"hello\n"):
        (tmp_path / "a.npz").write_bytes(content)
        assert problem(tmp_path / "a.npz").startswith("not a readable .npz file: ")
        assert "pickle" not in problem(tmp_path / "a.npz")  # no advice on how to run what is in it


def test_npz_refused_when_it_is_one_array(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        np.save(stream, np.zeros(3))
    assert problem(tmp_path / "a.npz").startswith("holds one array, wanted train_images")


def test_npz_refused_when_truncated_at_any_tenth(npz_path: Path) -> None:
    content = npz_path.read_bytes()
    for length in range(0, len(content), len(content) // 10):
        npz_path.write_bytes(content[:length])
        problem(npz_path)


def test_npz_refused_or_equal_when_one_byte_is_flipped(npz_path: Path, arrays: Arrays) -> None:
    content = npz_path.read_bytes()
    generator = np.random.default_rng(3)
    refused = 0
    for position in generator.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        npz_path.write_bytes(damaged)
        try:
            raw = read_npz(npz_path)
        except DatasetError:
            refused += 1
        else:  # in a time stamp of the archive, say
            assert all(np.array_equal(getattr(raw, key), arrays[key]) for key in KEYS)
    assert refused > 100


@pytest.mark.parametrize("examples", [10**10, 10**13])
def test_npz_refused_when_header_promises_the_moon(
    tmp_path: Path, arrays: Arrays, examples: int
) -> None:
    path = tmp_path / "moon.npz"
    write_npz(path, {key: arrays[key] for key in KEYS if key != "train_images"})
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({examples}, 1, 28, 28)}}\n"
    with zipfile.ZipFile(path, "a") as archive:
        member = io.BytesIO()
        member.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode())
        archive.writestr("train_images.npy", member.getvalue() + bytes(100))
    assert problem(path).startswith("not a readable .npz file: ")
