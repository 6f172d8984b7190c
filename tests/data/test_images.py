"""Images of any kind, as `predict` takes them; what a dataset refuses is in test_image_folder."""

import contextlib
import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from data.images import MAX_FILE_BYTES, MAX_PIXELS, SUFFIXES, converted_image, exact_image, planes
from errors import DatasetError

GREY = np.arange(30, dtype=np.uint8).reshape(6, 5) * 8
COLOUR = np.arange(90, dtype=np.uint8).reshape(6, 5, 3)
WHITE = 255


def converted(
    image: Image.Image, path: Path, channels: int = 3, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return the pixels of the image after it was a file."""
    image.save(path)
    return planes(converted_image(path, str(path)), channels, size)


def luma(colour_HWC: NDArray[np.uint8]) -> NDArray[np.float64]:
    weighted: NDArray[np.float64] = colour_HWC @ np.array([0.299, 0.587, 0.114])
    return weighted


def test_grey_and_colour_become_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    grey, colour = Image.fromarray(GREY), Image.fromarray(COLOUR)
    assert np.array_equal(converted(grey, path, 1), GREY[None])
    assert np.array_equal(converted(grey, path, 3), [GREY] * 3)
    assert np.array_equal(converted(colour, path, 3), COLOUR.transpose(2, 0, 1))
    assert np.abs(converted(colour, path, 1)[0] - luma(COLOUR)).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bits_are_divided_by_257(tmp_path: Path, suffix: str) -> None:
    wide = np.array([[0, 128, 129, 257], [65535, 65000, 32768, 300]], dtype=np.uint16)
    found = converted(Image.fromarray(wide), tmp_path / f"a.{suffix}", 1)[0]
    assert found.tolist() == [[0, 0, 1, 1], [255, 253, 128, 1]]


def test_big_endian_16_bits_are_divided_by_257(tmp_path: Path) -> None:
    big = Image.new("I;16B", (1, 1))
    big.putpixel((0, 0), 0x8000)
    assert converted(big, tmp_path / "a.tif", 1).tolist() == [[[128]]]


def test_floats_go_from_0_to_1(tmp_path: Path) -> None:
    values = np.array([[0.0, 1.0, 0.5, -3.0, 7.0, np.nan, np.inf, 1e38]], dtype=np.float32)
    found = converted(Image.fromarray(values), tmp_path / "a.tif", 1)
    assert found.tolist() == [[[0, 255, 128, 0, 255, 0, 255, 255]]]


def test_32_bits_are_cut_at_65535(tmp_path: Path) -> None:
    values = np.array([[-5, 0, 65535, 70000]], dtype=np.int32)
    assert converted(Image.fromarray(values), tmp_path / "a.tif", 1).tolist() == [
        [[0, 0, 255, 255]]
    ]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_laid_upon_white(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    alpha = np.full(GREY.shape, 255, dtype=np.uint8)
    alpha[0, 0], alpha[1] = 0, 51
    image.putalpha(Image.fromarray(alpha))
    wanted = GREY.astype(float)
    wanted[0, 0], wanted[1] = WHITE, 0.2 * wanted[1] + 0.8 * WHITE
    for channels in (1, 3):
        found = converted(image, tmp_path / "a.png", channels)
        assert np.abs(found - wanted).max() <= 1


def test_palette_is_looked_up_and_its_transparent_entry_is_white(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    found = converted(palette, tmp_path / "a.png")
    assert found[:, 0].T.tolist() == [[10, 20, 30], [200, 100, 50]]
    palette.info["transparency"] = 0
    found = converted(palette, tmp_path / "b.png")
    assert found[:, 0].T.tolist() == [[WHITE] * 3, [200, 100, 50]]


def test_16_bit_value_that_stands_for_nothing_is_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[257, 514]], dtype=np.uint16))
    path = tmp_path / "a.png"
    image.save(path, transparency=514)
    assert planes(converted_image(path, "a"), 1, None).tolist() == [[[1, WHITE]]]


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "tif"), ("YCbCr", "tif"), ("LAB", "tif")])
def test_other_colours_become_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.new("RGB", (4, 4), (200, 60, 30))
    if mode == "LAB":
        image = Image.new("LAB", (4, 4), (255, 128, 128))
        wanted = [255, 255, 255]
    else:
        image, wanted = image.convert(mode), [200, 60, 30]
    found = converted(image, tmp_path / f"a.{suffix}")[:, 0, 0].astype(int)
    assert np.abs(found - wanted).max() <= 3


def test_black_and_white_is_grey(tmp_path: Path) -> None:
    image = Image.fromarray(GREY > 100)
    assert image.mode == "1"
    assert np.array_equal(converted(image, tmp_path / "a.png", 1)[0], (GREY > 100) * 255)


def test_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert np.array_equal(planes(converted_image(path, "a"), 1, None)[0], GREY)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(3, np.rot90(GREY, 2)), (6, np.rot90(GREY)), (8, np.rot90(GREY, 3)), (2, GREY[:, ::-1])],
)
def test_jpeg_is_turned_upright(
    tmp_path: Path, orientation: int, turned: NDArray[np.uint8]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(np.ascontiguousarray(turned)).save(path, exif=exif, quality=100)
    found = planes(converted_image(path, "a"), 1, None)[0].astype(int)
    assert found.shape == GREY.shape
    assert np.abs(found - GREY).max() <= 3


def test_image_is_resized_without_keeping_its_ratio(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 10), (1, 2, 3))
    found = converted(image, tmp_path / "a.png", 3, (7, 9))
    assert found.shape == (3, 7, 9)
    assert found[:, 0, 0].tolist() == [1, 2, 3]


def test_stream_is_read_like_a_file() -> None:
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "PNG")
    stream.seek(0)
    image = converted_image(stream, "standard input")
    assert np.array_equal(planes(image, 1, None)[0], GREY)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(20)])
def test_stream_refused_by_name_when_it_is_no_image(content: bytes) -> None:
    with pytest.raises(DatasetError, match=r"^standard input: not a readable image: ") as caught:
        converted_image(io.BytesIO(content), "standard input")
    assert "\n" not in str(caught.value)


def test_missing_file_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.png: no such file$"):
        converted_image(tmp_path / "gone.png", "gone.png")


def test_image_refused_when_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (MAX_PIXELS // 4 + 1, 4)).save(path)
    with pytest.raises(DatasetError, match=f"is too large, wanted at most {MAX_PIXELS} pixels"):
        converted_image(path, "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "pgm"])
def test_damage_is_told_wherever_it_is(suffix: str) -> None:
    """Every file that was cut short or had bytes changed is an image or a DatasetError."""
    stream = io.BytesIO()
    Image.fromarray(GREY).save(
        stream, {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM"}.get(suffix, suffix)
    )
    whole = stream.getvalue()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        content = bytearray(whole[: random.integers(1, len(whole) + 1)])
        for position in random.integers(0, len(content), 3):
            content[position] = random.integers(256)
        try:
            planes(converted_image(io.BytesIO(content), "x"), 3, (4, 4))
        except DatasetError:
            refused += 1
    assert refused > 0


def test_formats_are_those_of_the_suffixes(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        Image.fromarray(COLOUR).convert("L" if suffix == ".pgm" else "RGB").save(path)
        assert converted_image(path, "a").size == (5, 6)


@pytest.mark.parametrize("form", ["EPS", "TGA", "PDF"])
def test_other_formats_are_refused_whatever_the_file_is_called(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(COLOUR).save(path, form)
    for read in (exact_image, lambda path: converted_image(path, "a")):
        with pytest.raises(DatasetError, match="not a readable image: of no known format"):
            read(path)


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


@pytest.mark.parametrize(
    "kind_and_start", [(b"zTXt", b"Comment\0\0"), (b"iCCP", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")]
)
def test_png_whose_text_unpacks_to_gigabytes_takes_little_memory(
    tmp_path: Path, kind_and_start: tuple[bytes, bytes]
) -> None:
    kind, start = kind_and_start
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "PNG")
    whole, end_of_header = stream.getvalue(), 33
    bomb = chunk(kind, start + zlib.compress(bytes(1 << 28), 9))
    (tmp_path / "a.png").write_bytes(whole[:end_of_header] + bomb + whole[end_of_header:])
    tracemalloc.start()
    with contextlib.suppress(DatasetError):  # some of them are refused, some passed over
        converted_image(tmp_path / "a.png", "a")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 24


@pytest.mark.parametrize(("form", "suffix"), [("GIF", "gif"), ("TIFF", "tif")])
def test_of_many_frames_only_the_first_is_decoded(tmp_path: Path, form: str, suffix: str) -> None:
    frames = [Image.fromarray(np.roll(GREY, n)) for n in range(60)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, form, save_all=True, append_images=frames[1:])
    content = path.read_bytes()
    # What follows the first frame may be anything.
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    assert np.array_equal(planes(converted_image(path, "a"), 1, None)[0], GREY)


def test_jpeg_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(DatasetError, match="not a readable image: image file is truncated"):
        converted_image(path, "a")


@pytest.mark.parametrize("place", ["pixels", "end"])
def test_png_refused_when_its_checksums_are_wrong(tmp_path: Path, place: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(GREY).save(path)
    content = bytearray(path.read_bytes())
    if place == "pixels":
        content[content.index(b"IDAT") + 4 + content[content.index(b"IDAT") - 1]] ^= 1  # its CRC
    else:
        del content[-12:]  # the chunk that ends it
    path.write_bytes(content)
    with Image.open(path) as image:
        image.load()  # Pillow does not mind
    for read in (exact_image, lambda path: converted_image(path, "a")):
        with pytest.raises(DatasetError, match=r"not a readable image: .*PNG file"):
            read(path)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg"])
def test_damaged_tiff_is_told_by_us_alone(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.tile(COLOUR, (8, 8, 1))).save(path, compression=compression)
    content = path.read_bytes()
    told = 0
    for place in range(8, len(content), 7):
        path.write_bytes(content[:place] + b"\xff" * 4 + content[place + 4 :])
        try:
            converted_image(path, "a")
        except DatasetError:
            told += 1
    assert told > 10
    assert capfd.readouterr() == ("", "")


def test_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(DatasetError, match="is too large: wanted at most 268,435,456 bytes"):
        converted_image(tmp_path / "a.png", "a")
