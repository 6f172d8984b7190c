"""Bodies to uint8 pixels of the network's shape, or what is wrong with them.

    image/*, application/octet-stream   one image file
    multipart/form-data                 image files, in order
    application/json                    {"pixels": ...}: raw pixels of exactly the network's size

Files are converted as `predict` does it (`data.images`). Runs in threads beside the event loop.
"""

import base64
import io
import json
import logging
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, FormParser, parse_options_header

from artifacts.logits import Images
from data.images import MAX_PIXELS, TooManyPixelsError, converted_image, planes
from errors import DatasetError
from serve.problems import ProblemError

# Told to the client, and not in the server's log as well.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL + 1)

# "255", a comma, and a line of its own, deeply indented. What is longer holds no such pixels, but
# may unpack to twenty times its size, while nothing else can run (json.loads holds the GIL).
JSON_BYTES_A_PIXEL = 20
JSON_BYTES_AROUND = 1 << 18

BodyKind = Literal["file", "form", "pixels"]


def body_kind(content_type: str) -> BodyKind:
    """Return what a body of this type is.

    Raises:
        ProblemError: nothing that images could be in (415).
    """
    name = content_type.partition(";")[0].strip().lower()
    if name.startswith("image/") or name == "application/octet-stream":
        return "file"
    if name == "multipart/form-data":
        return "form"
    if name == "application/json":
        return "pixels"
    wanted = "wanted an image's, application/octet-stream, multipart/form-data or application/json"
    raise ProblemError(415, f"content type {name!r}: {wanted}")


def decoded_images(
    body: bytes,
    content_type: str,
    image_shape: tuple[int, int, int],
    most_images: int,
    *,
    most_pixels: int = MAX_PIXELS,
) -> Images:
    """Return uint8 images_NCHW of a body.

    Args:
        body: of a request.
        content_type: of the same, with its parameters.
        image_shape: C, H, W that the network takes.
        most_images: that a request may have.
        most_pixels: that all its files may have together, before they are resized.

    Raises:
        TooManyPixelsError: they have more.
        ProblemError: it is no JSON, or no form (400); has too many images (413); or what is in it
            are no images, or not of that shape (422).
    """
    kind = body_kind(content_type)
    if kind == "pixels":
        return _images_of_json(body, image_shape, most_images)
    files = [body] if kind == "file" else _files_of_form(body, content_type, most_images)
    channels, height, width = image_shape
    images: Images = np.empty((len(files), *image_shape), dtype=np.uint8)
    for index, file in enumerate(files):
        subject = "body" if kind == "file" else f"file {index + 1} of {len(files)}"
        try:
            image = converted_image(io.BytesIO(file), subject, most_pixels=most_pixels)
            most_pixels -= image.width * image.height
            images[index] = planes(image, channels, (height, width))
        except TooManyPixelsError:
            raise
        except DatasetError as error:
            raise ProblemError(422, str(error)) from error
    return images


def data_uri(image_CHW: Images) -> str:
    """Return one image as a PNG in a data: URI."""
    channels_last = image_CHW.transpose(1, 2, 0) if len(image_CHW) == 3 else image_CHW[0]
    stream = io.BytesIO()
    Image.fromarray(channels_last).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _files_of_form(body: bytes, content_type: str, most_images: int) -> Sequence[bytes]:
    files: list[bytes] = []
    is_whole = False

    def on_file(file: File) -> None:
        if len(files) == most_images:
            raise _too_many(most_images)
        file.file_object.seek(0)
        files.append(file.file_object.read())

    def on_field(field: Any) -> None:
        name = field.field_name.decode(errors="replace")
        raise ProblemError(400, f"form: wanted files, found the field {name!r}")

    def on_end() -> None:
        nonlocal is_whole
        is_whole = True

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    try:
        in_memory = {"MAX_MEMORY_FILE_SIZE": len(body)}
        parser = FormParser(
            "multipart/form-data", on_field, on_file, on_end, boundary, config=in_memory
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise ProblemError(400, f"not a readable form: {error}") from error
    if not is_whole or not files:
        raise ProblemError(400, "form: ends too early" if not is_whole else "form: has no file")
    return files


def _images_of_json(body: bytes, image_shape: tuple[int, int, int], most_images: int) -> Images:
    channels, height, width = image_shape
    pixels_each = channels * height * width
    most_bytes = most_images * pixels_each * JSON_BYTES_A_PIXEL + JSON_BYTES_AROUND
    if len(body) > most_bytes:
        raise ProblemError(413, f"the JSON is too large: wanted at most {most_bytes:,} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, f"not readable JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"pixels"}:
        raise ProblemError(422, 'wanted an object with nothing but "pixels"')
    try:
        pixels = np.array(document["pixels"], dtype=object)
    except (ValueError, RecursionError):  # lists that numpy gives up on
        pixels = np.array(None)
    wanted = [(channels, height, width), (-1, channels, height, width)]
    if channels == 1:
        wanted.insert(0, (height, width))
    shape = pixels.shape if pixels.ndim < 4 else (-1, *pixels.shape[1:])
    if shape not in wanted or len(pixels) == 0:
        shapes = ", ".join(str(list(each)).replace("-1", "N") for each in wanted)
        raise ProblemError(422, f"pixels: wanted lists of shape {shapes}, found {_found(pixels)}")
    if pixels.ndim == 4 and len(pixels) > most_images:
        raise _too_many(most_images)
    # By type: JSON's true is a number to numpy, and 1.5 would be cut.
    if {type(value) for value in pixels.flat} != {int} or pixels.min() < 0 or pixels.max() > 255:
        raise ProblemError(422, "pixels: wanted whole numbers from 0 to 255")
    return pixels.astype(np.uint8).reshape(-1, *image_shape)


def _found(pixels: np.ndarray[Any, Any]) -> str:
    return f"{list(pixels.shape)}" if pixels.ndim else "none, or lists of different lengths"


def _too_many(most_images: int) -> ProblemError:
    return ProblemError(413, f"too many images: wanted at most {most_images} in a request")
