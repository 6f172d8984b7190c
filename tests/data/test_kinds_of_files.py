"""What is no regular file ends the reading at once, whatever its name; links to files do not.

None of these tests could fail but by waiting for ever.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data import load_dataset
from data.images import converted_image
from errors import DatasetError
from tests.data.conftest import Arrays, write_npz
from tests.data.test_idx import write_idx_folder
from tests.data.test_image_folder import GREY, save
from tests.data.test_mat import write_mat_pair


def write_npz_set(root: Path) -> Path:
    arrays: Arrays = {}
    for split in ("train", "test"):
        arrays[f"{split}_images"] = np.zeros((2, 1, 3, 4), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(2)
    write_npz(root / "set.npz", arrays)
    return root / "set.npz"


def write_folder_set(root: Path) -> Path:
    for place in ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png"):
        save(root / place, GREY)
    return root


def write_photos(root: Path) -> Path:
    save(root / "a.png", GREY)
    save(root / "b.png", GREY)
    return root


def write_idx_set(root: Path) -> Path:
    write_idx_folder(root)
    return root


def write_compressed_idx_set(root: Path) -> Path:
    write_idx_folder(root, compressed=True)
    return root


def write_mat_set(root: Path) -> Path:
    write_mat_pair(root)
    return root


FORMS: list[tuple[Callable[[Path], Path], str]] = [
    (write_npz_set, "set.npz"),
    (write_idx_set, "t10k-labels-idx1-ubyte"),
    (write_compressed_idx_set, "train-images-idx3-ubyte.gz"),
    (write_mat_set, "train_32x32.mat"),
    (write_folder_set, "train/dog/b.png"),
    (write_photos, "b.png"),
]


def make_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # a socket's name may have 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


KINDS: list[tuple[Callable[[Path], object], str]] = [
    (os.mkfifo, "is a named pipe: wanted a regular file"),
    (make_socket, "is a socket: wanted a regular file"),
    (lambda path: path.symlink_to("/dev/zero"), "is a device: wanted a regular file"),
]


@pytest.mark.parametrize(("make", "told"), KINDS)
@pytest.mark.parametrize(("write", "name"), FORMS)
def test_dataset_refused_when_a_file_is_of_another_kind(
    tmp_path: Path,
    write: Callable[[Path], Path],
    name: str,
    make: Callable[[Path], object],
    told: str,
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    source = write(root)
    (root / name).unlink()
    make(root / name)
    with pytest.raises(DatasetError) as caught:
        load_dataset(str(source))
    assert caught.value.subject == str(root / name)
    assert caught.value.problem == told


@pytest.mark.parametrize(("write", "name"), FORMS)
def test_dataset_is_the_same_when_a_file_is_a_link_to_a_regular_one(
    tmp_path: Path, write: Callable[[Path], Path], name: str
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    source = write(root)
    before = load_dataset(str(source)).sha256
    (root / name).rename(tmp_path / "elsewhere")
    (root / name).symlink_to(tmp_path / "elsewhere")
    assert load_dataset(str(source)).sha256 == before


@pytest.mark.parametrize(("make", "told"), [*KINDS, (Path.mkdir, "is a directory: wanted a ")])
def test_photo_refused_when_it_is_of_another_kind(
    tmp_path: Path, make: Callable[[Path], object], told: str
) -> None:
    make(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=told):
        converted_image(tmp_path / "a.png", "a.png")
