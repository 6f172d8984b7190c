from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.images import MAX_PIXELS, converted_image, planes
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, UNCHANGED, outcomes_of_damage
from tests.robustness.recorded_dataset import record, sha256_of_recorded

# A format's name, its suffix, how it is saved.
FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "jpg", {}),
    ("JPEG", "jpg", {"progressive": True, "subsampling": 2}),
    ("GIF", "gif", {"save_all": True, "append_images": [Image.new("RGB", (24, 16), "red")]}),
    ("TIFF", "tif", {}),
    ("TIFF", "tif", {"compression": "tiff_lzw"}),
    ("TIFF", "tif", {"compression": "tiff_deflate"}),
    ("TIFF", "tif", {"compression": "jpeg"}),
    ("WEBP", "webp", {}),
    ("WEBP", "webp", {"lossless": True}),
    ("BMP", "bmp", {}),
    ("PPM", "ppm", {}),
]
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def picture() -> Image.Image:
    random = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(16) * 6, np.arange(24) * 4)[..., np.newaxis]
    return Image.fromarray((smooth + random.integers(0, 60, (16, 24, 3))).astype(np.uint8))


def pixels_of_photo(path: Path) -> str:
    image = converted_image(path, path.name)
    return f"{image.mode} {sha256(planes(image, 3, (16, 24)).tobytes()).hexdigest()}"


def photo_by_the_rules(path: Path) -> None:
    """Read a photo as `predict` does; nothing tells which pixels it should have."""
    image = converted_image(path, path.name)
    assert image.mode in ("L", "RGB")
    assert 0 < image.width * image.height <= MAX_PIXELS
    assert planes(image, 3, (4, 5)).shape == (3, 4, 5)


@pytest.mark.parametrize("mode", PNG_MODES)
def test_damaged_png_is_refused_or_has_the_same_pixels(
    mode: str, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = tmp_path / "x.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # a damaged orientation would be another picture too
    if mode == "I;16":
        image = Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24) * 170)
    else:
        image = picture().convert(mode)
    image.save(path, exif=exif)
    count = mutation_count if mutation_count > 100 or mode == "RGB" else 3
    found = outcomes_of_damage(pixels_of_photo, path, count, seed=PNG_MODES.index(mode))
    note_outcomes("PNG", found)


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_damaged_photo_is_refused_or_an_image(
    number: int, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    form, suffix, options = FORMS[number]
    path = tmp_path / f"x.{suffix}"
    picture().save(path, form, **options)
    count = mutation_count if mutation_count > 100 else 4
    found = outcomes_of_damage(photo_by_the_rules, path, count, seed=number)
    # Without a checksum "unchanged" would be too much said.
    note_outcomes(form, Counter({REFUSED: found[REFUSED], "an image": found[UNCHANGED]}))


@pytest.mark.parametrize(("form", "suffix"), [("PNG", "png"), ("JPEG", "jpg")])
def test_damaged_image_of_a_dataset_is_refused_or_is_the_recorded_dataset(
    form: str, suffix: str, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    for place in ("train/cat/a", "train/dog/b", "test/cat/c"):
        path = tmp_path / "set" / f"{place}.{suffix}"
        path.parent.mkdir(parents=True)
        picture().save(path)
    record(tmp_path, tmp_path / "set")
    path = tmp_path / "set" / "train" / "dog" / f"b.{suffix}"
    found = outcomes_of_damage(sha256_of_recorded, path, mutation_count, exit_codes=(4,))
    note_outcomes(f"image folder, {form}", found)
    assert found[REFUSED] > 0
