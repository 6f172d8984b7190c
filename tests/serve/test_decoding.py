"""Bodies to pixels, and every way in which a body can be wrong."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from artifacts.logits import Images
from data.images import MAX_PIXELS, TooManyPixelsError, converted_image, planes
from serve.decoding import JSON_BYTES_A_PIXEL, JSON_BYTES_AROUND, data_uri, decoded_images
from serve.problems import ProblemError
from tests.serve.stub import SHAPE

PIXELS = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
BOUNDARY = "line"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def file_of(pixels: Any, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


def form_of(*files: bytes, name: str = 'name="image"; filename="a.png"', end: str = "--") -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode()
    parts = b"".join(head + file + b"\r\n" for file in files)
    return parts + f"--{BOUNDARY}{end}\r\n".encode()


def decoded(
    body: bytes, content_type: str, shape: tuple[int, int, int] = SHAPE, most: int = 3
) -> Images:
    return decoded_images(body, content_type, shape, most)


def problem(body: bytes, content_type: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(ProblemError) as raised:
        decoded(body, content_type, **options)
    return raised.value.status, raised.value.detail


@pytest.mark.parametrize(
    "content_type", ["image/png", "image/anything", "application/octet-stream", "IMAGE/PNG; a=b"]
)
def test_file_is_read_whatever_image_its_type_names(content_type: str) -> None:
    assert np.array_equal(decoded(file_of(PIXELS, "BMP"), content_type), PIXELS[None, None])


def test_file_is_converted_as_predict_does_it() -> None:
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (50, 40, 3), dtype=np.uint8)
    for shape in ((1, 7, 9), (3, 9, 7)):
        found = decoded(file_of(photo), "image/png", shape=shape)
        wanted = planes(converted_image(io.BytesIO(file_of(photo)), ""), shape[0], shape[1:])
        assert np.array_equal(found, wanted[None])


def test_form_has_files_in_order() -> None:
    found = decoded(form_of(file_of(PIXELS), file_of(PIXELS[::-1], "GIF")), FORM)
    assert np.array_equal(found, [PIXELS[None], PIXELS[None, ::-1]])


@pytest.mark.parametrize("wrapped", [PIXELS, PIXELS[None], PIXELS[None, None]])
def test_pixels_are_taken_as_they_are(wrapped: Images) -> None:
    body = json.dumps({"pixels": wrapped.tolist()}).encode()
    assert np.array_equal(decoded(body, "application/json"), PIXELS[None, None])


def test_pixels_of_a_batch_and_of_three_channels() -> None:
    batch = np.random.default_rng(0).integers(0, 256, (3, 3, 2, 3), dtype=np.uint8)
    body = json.dumps({"pixels": batch.tolist()}).encode()
    assert np.array_equal(decoded(body, "application/json", shape=(3, 2, 3)), batch)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "images/png"])
def test_other_types_are_415(content_type: str) -> None:
    status, detail = problem(file_of(PIXELS), content_type)
    assert status == 415
    assert detail.startswith(f"content type {content_type!r}: wanted an image's, ")


@pytest.mark.parametrize("body", [b"", b"no image", file_of(PIXELS)[:50], b"%!PS-Adobe-3.0 EPSF"])
def test_what_is_no_image_is_422(body: bytes) -> None:
    status, detail = problem(body, "image/png")
    assert status == 422
    assert detail.startswith("body: not a readable image")
    assert "0x" not in detail  # of no address in memory


def test_formats_that_strangers_do_not_need_are_422() -> None:
    assert problem(file_of(PIXELS, "TGA"), "image/x-tga") == (
        422,
        "body: not a readable image: of no known format",
    )


def test_image_bomb_is_not_decoded() -> None:
    stream = io.BytesIO()
    Image.new("1", (MAX_PIXELS // 1000, 1001)).save(stream, "PNG")
    with pytest.raises(TooManyPixelsError, match="body: is too large, wanted at most 67108864 pix"):
        decoded(stream.getvalue(), "image/png")


def test_files_of_a_form_have_so_many_pixels_together() -> None:
    body = form_of(*[file_of(PIXELS)] * 2)
    assert len(decoded_images(body, FORM, SHAPE, 3, most_pixels=12)) == 2
    with pytest.raises(TooManyPixelsError, match="file 2 of 2: is too large, wanted at most 5 pix"):
        decoded_images(body, FORM, SHAPE, 3, most_pixels=11)


def test_json_longer_than_its_pixels_can_be_is_413() -> None:
    body = json.dumps({"pixels": [[PIXELS.tolist()]] * 3}, indent=4).encode()
    assert len(decoded(body, "application/json")) == 3
    most_bytes = 3 * 6 * JSON_BYTES_A_PIXEL + JSON_BYTES_AROUND
    status, detail = problem(body.ljust(most_bytes + 1), "application/json")
    assert (status, detail) == (413, f"the JSON is too large: wanted at most {most_bytes:,} bytes")
    assert len(decoded(body.ljust(most_bytes), "application/json")) == 3


def test_file_of_a_form_that_is_no_image_is_named() -> None:
    assert problem(form_of(file_of(PIXELS), b"?"), FORM) == (
        422,
        "file 2 of 2: not a readable image: of no known format",
    )


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (form_of(b"1"), "multipart/form-data", "not a readable form: "),
        (b"", FORM, "form: ends too early"),
        (form_of(file_of(PIXELS), end=""), FORM, "form: ends too early"),
        (form_of(file_of(PIXELS))[:60], FORM, "form: ends too early"),
        (b"nothing like it", FORM, "not a readable form: "),
        (form_of(), FORM, ""),
        (form_of(b"3", name='name="top"'), FORM, "form: wanted files, found the field 'top'"),
    ],
)
def test_broken_form_is_400(body: bytes, content_type: str, detail: str) -> None:
    status, found = problem(body, content_type)
    assert (status, found[: len(detail)]) == (400, detail)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b'{"pixels": [1,]}', b"9" * 5000]
)
def test_broken_json_is_400(body: bytes) -> None:
    status, detail = problem(body, "application/json; charset=utf-8")
    assert status == 400
    assert detail.startswith("not readable JSON: ")


@pytest.mark.parametrize("document", [[], 3, {}, {"pixel": []}, {"pixels": [[1]], "top": 3}])
def test_json_that_is_no_question_is_422(document: Any) -> None:
    body = json.dumps(document).encode()
    wanted = 'wanted an object with nothing but "pixels"'
    assert problem(body, "application/json") == (422, wanted)


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        ([[1, 2], [3, 4], [5, 6]], "[3, 2]"),
        ([[PIXELS.tolist()] * 2], "[1, 2, 2, 3]"),
        ([[[[[1]]]]], "[1, 1, 1, 1, 1]"),
        ([], "[0]"),
        ([[[]]], "[1, 1, 0]"),
        (7, "none, or lists of different lengths"),
        (None, "none, or lists of different lengths"),
        ("abc", "none, or lists of different lengths"),
        ([[1, 2, 3], [4, 5]], "[2]"),
        ([[[1, 2, 3], [4, 5, 6]], [[1]]], "[2]"),
    ],
)
def test_pixels_of_another_shape_are_422(pixels: Any, found: str) -> None:
    body = json.dumps({"pixels": pixels}).encode()
    wanted = "pixels: wanted lists of shape [2, 3], [1, 2, 3], [N, 1, 2, 3], found "
    assert problem(body, "application/json") == (422, wanted + found)


@pytest.mark.parametrize(
    "value", ["-1", "256", "1.0", "1e2", "true", "null", '"7"', "NaN", "1" + "0" * 30, "{}"]
)
def test_values_that_are_no_pixels_are_422(value: str) -> None:
    body = f'{{"pixels": [[1, 2, 3], [4, 5, {value}]]}}'.encode()
    wanted = "pixels: wanted whole numbers from 0 to 255"
    assert problem(body, "application/json") == (422, wanted)


def test_too_many_images_are_413() -> None:
    detail = "too many images: wanted at most 3 in a request"
    assert problem(form_of(*[file_of(PIXELS)] * 4), FORM) == (413, detail)
    body = json.dumps({"pixels": [[PIXELS.tolist()]] * 4}).encode()
    assert problem(body, "application/json") == (413, detail)


@pytest.mark.parametrize("channels", [1, 3])
def test_data_uri_has_the_pixels(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (channels, 4, 5), dtype=np.uint8)
    head, _, content = data_uri(image).partition(",")
    assert head == "data:image/png;base64"
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    assert np.array_equal(found.reshape(4, 5, channels).transpose(2, 0, 1), image)
