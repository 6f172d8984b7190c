import logging
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from data import load_dataset
from data.image_folder import find_images, read_image_folder
from data.images import MAX_PIXELS
from errors import DatasetError, UnfinishedError

GREY = np.arange(30, dtype=np.uint8).reshape(6, 5)
COLOUR = np.arange(90, dtype=np.uint8).reshape(6, 5, 3)


def save(path: Path, pixels: NDArray[np.generic], mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two grey classes, one of them with test images."""
    root = tmp_path / "Pets"
    save(root / "train" / "dog" / "b.png", GREY)
    save(root / "train" / "dog" / "a.png", GREY + 1)
    save(root / "train" / "cat" / "c.BMP", GREY + 2)
    save(root / "test" / "dog" / "d.png", GREY + 3)
    return root


def problem(folder: Path) -> tuple[str, str]:
    with pytest.raises(DatasetError) as caught:
        load_dataset(str(folder))
    assert "\n" not in str(caught.value)
    return caught.value.subject, caught.value.problem


def test_image_folder_is_sorted_by_class_and_file_name(folder: Path) -> None:
    dataset = load_dataset(str(folder))
    assert dataset.name == "pets"
    assert dataset.classes == ("cat", "dog")
    assert dataset.image_shape == (1, 6, 5)
    assert dataset.train.labels.tolist() == [0, 1, 1]
    assert np.array_equal(dataset.train.images[:, 0], [GREY + 2, GREY + 1, GREY])
    assert dataset.test.labels.tolist() == [1]
    assert np.array_equal(dataset.test.images[0, 0], GREY + 3)


def test_image_folder_is_colour_when_one_image_is(folder: Path) -> None:
    save(folder / "train" / "cat" / "d.png", COLOUR)
    dataset = load_dataset(str(folder))
    assert dataset.image_shape == (3, 6, 5)
    assert np.array_equal(dataset.train.images[0], [GREY + 2] * 3)
    assert np.array_equal(dataset.train.images[1], COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["1", "LA"])
def test_image_folder_is_grey_for_every_grey_mode(folder: Path, mode: str) -> None:
    save(folder / "train" / "cat" / "d.png", GREY, mode)
    assert load_dataset(str(folder)).image_shape == (1, 6, 5)


@pytest.mark.parametrize("mode", ["P", "RGBA"])
def test_image_folder_takes_colour_from_every_colour_mode(folder: Path, mode: str) -> None:
    save(folder / "train" / "cat" / "d.png", np.zeros((6, 5, 3), dtype=np.uint8) + 255, mode)
    assert load_dataset(str(folder)).train.images[1].min() == 255


def test_image_folder_turns_images_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held a quarter turn to the left
    lying = np.rot90(GREY)
    Image.fromarray(lying).save(folder / "train" / "cat" / "d.png", exif=exif)
    assert np.array_equal(load_dataset(str(folder)).train.images[1, 0], GREY)


def test_image_folder_refused_when_sizes_differ(folder: Path) -> None:
    save(folder / "test" / "dog" / "e.png", GREY.T)
    first = folder / "train" / "cat" / "c.BMP"
    assert problem(folder) == (
        str(folder / "test" / "dog" / "e.png"),
        f"is 6x5 pixels, but {first} is 5x6: wanted images of one size",
    )


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_image_folder_refused_when_a_file_is_no_image(folder: Path, content: bytes) -> None:
    bad = folder / "train" / "dog" / "bad.png"
    bad.write_bytes(content)
    subject, told = problem(folder)
    assert subject == str(bad)
    assert told.startswith("not a readable image: ")


def test_image_folder_refused_when_a_file_is_truncated(folder: Path) -> None:
    path = folder / "train" / "dog" / "a.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert problem(folder)[0] == str(path)


@pytest.mark.parametrize(
    ("width", "height"), [(4000, MAX_PIXELS // 4000 + 1), (12_000, 12_000), (60_000, 60_000)]
)
def test_image_folder_refused_when_header_promises_too_many_pixels(
    folder: Path, width: int, height: int
) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    empty = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    path = folder / "train" / "dog" / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + empty)
    subject, told = problem(folder)
    assert subject == str(path)
    assert told.startswith(f"is too large, wanted at most {MAX_PIXELS} pixels")


def test_image_folder_refused_when_values_have_16_bits(folder: Path) -> None:
    save(folder / "train" / "cat" / "d.png", GREY.astype(np.uint16) * 2000)
    assert problem(folder)[1] == "has pixels of Pillow's mode I;16, wanted 8 bits a channel"


def test_image_folder_refused_when_transparent(folder: Path) -> None:
    rgba = np.full((6, 5, 4), 255, dtype=np.uint8)
    rgba[0, 0, 3] = 254
    save(folder / "train" / "cat" / "d.png", rgba)
    assert problem(folder)[1].startswith("has transparent pixels")


def test_image_folder_refused_when_test_has_another_class(folder: Path) -> None:
    save(folder / "test" / "eel" / "e.png", GREY)
    assert problem(folder) == (
        str(folder / "test" / "eel"),
        "is no class of train/: wanted one of cat, dog",
    )


def test_image_folder_refused_when_a_class_is_empty(folder: Path) -> None:
    (folder / "train" / "eel").mkdir()
    assert problem(folder)[0] == str(folder / "train" / "eel")


@pytest.mark.parametrize("missing", ["train", "test"])
def test_image_folder_refused_when_a_split_is_missing(folder: Path, missing: str) -> None:
    (folder / missing).rename(folder / "elsewhere")
    assert problem(folder) == (
        str(folder),
        f"{missing}/ is missing: wanted train/ and test/",
    )


def test_image_folder_names_what_it_passes_over(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "train" / "cat" / ".DS_Store").write_bytes(b"")
    (folder / "train" / "cat" / "notes.txt").write_bytes(b"")
    save(folder / "train" / "stray.png", GREY)
    with caplog.at_level(logging.WARNING, "onnxproof"):
        assert len(load_dataset(str(folder)).train) == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}: 2 files passed over that are no images in a class folder, "
        f"first {folder / 'train' / 'stray.png'}"
    ]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a folder of PNG and JPEG files in three sizes, two of them in colour."""
    random = np.random.default_rng(0)
    root = tmp_path / "mixed"
    save(root / "train" / "cat" / "a.png", random.integers(0, 256, (6, 5), dtype=np.uint8))
    save(root / "train" / "cat" / "b.jpg", random.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    save(root / "train" / "dog" / "c.jpeg", random.integers(0, 256, (9, 7), dtype=np.uint8))
    save(root / "test" / "dog" / "d.png", random.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = np.zeros((8, 16), dtype=np.uint8)
    lying[:, 8:] = 240  # the right half of what the camera saw is the lower one, turned upright
    (root / "test" / "cat").mkdir()
    Image.fromarray(lying).save(root / "test" / "cat" / "e.jpg", exif=exif, quality=100)
    return root


def test_mixed_sizes_are_refused_with_the_way_out(mixed: Path) -> None:
    with pytest.raises(DatasetError, match="wanted images of one size") as caught:
        load_dataset(str(mixed))
    assert "--image-size" in (caught.value.hint or "")


def test_mixed_sizes_are_resized_one_by_one(mixed: Path) -> None:
    dataset = load_dataset(str(mixed), image_size=(8, 4))
    assert dataset.image_shape == (3, 8, 4)
    assert dataset.train.labels.tolist() == [0, 0, 1]
    for index, name in enumerate(("cat/a.png", "cat/b.jpg", "dog/c.jpeg")):
        image = Image.open(mixed / "train" / name)
        wanted = image.convert("RGB").resize((4, 8), Image.Resampling.BILINEAR)
        assert np.array_equal(dataset.train.images[index].transpose(1, 2, 0), np.asarray(wanted))
    upright = dataset.test.images[0, 0]
    assert upright[:3].max() < 20
    assert upright[5:].min() > 220
    cached = load_dataset(str(mixed), image_size=(8, 4))
    assert isinstance(cached.test.images, np.memmap)
    assert cached.sha256 == dataset.sha256


def test_grey_images_of_mixed_sizes_stay_grey(folder: Path) -> None:
    save(folder / "test" / "dog" / "e.png", GREY.T)
    assert load_dataset(str(folder), image_size=(3, 3)).image_shape == (1, 3, 3)


def test_image_folder_of_one_size_is_the_same_with_that_size(folder: Path) -> None:
    assert load_dataset(str(folder), image_size=(6, 5)).sha256 == load_dataset(str(folder)).sha256


def test_images_are_never_in_memory_twice(tmp_path: Path) -> None:
    shape = (96, 96, 3)
    for index in range(120):
        split = "test" if index % 4 == 0 else "train"
        save(tmp_path / split / "cat" / f"{index}.png", np.full(shape, index, dtype=np.uint8))
    load_dataset("digits")  # what is imported on the way is not what is measured
    tracemalloc.start()
    raw = read_image_folder(tmp_path, find_images(tmp_path), (64, 64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    total = raw.train_images.nbytes + raw.test_images.nbytes
    assert total == 120 * 64 * 64 * 3
    assert peak < 1.5 * total


def test_images_that_memory_cannot_hold_are_unfinished_before_it_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 119)
    with pytest.raises(
        UnfinishedError, match=r"Pets: what it holds takes 120 bytes of memory, 119"
    ):
        load_dataset(str(folder))
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 120)
    assert len(load_dataset(str(folder)).train) == 3
    save(folder / "train" / "dog" / "z.png", COLOUR)
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 449)
    with pytest.raises(UnfinishedError, match="takes 450 bytes of memory, 449 are free"):
        load_dataset(str(folder))
