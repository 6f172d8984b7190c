"""Image files and arrays of images, as uint8 pixels of the channels and the size that are wanted.

What becomes of an image, in this order:

    opened     a regular file of at most MAX_FILE_BYTES, of one of FORMATS, of at most MAX_PIXELS;
               of several frames or pages the first; a PNG's checksums are verified
    upright    turned as its EXIF orientation says
    8 bits     a dataset refuses what does not fit without loss; `predict` converts it, see
               `converted_image`
    channels   1: grey (ITU-R 601-2 luma of a colour image); 3: RGB (a grey image three times)
    resized    to height and width, without keeping the ratio of the sides, by Pillow's BILINEAR,
               which looks at all pixels where it reduces (antialiased); each channel on its own;
               whole-number arithmetic, hence alike everywhere. An image of that size is unchanged.
"""

import contextlib
import ctypes
import functools
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from data.checks import one_line
from data.quiet_warnings import SharedFilters
from data.resizing import Size, resized
from errors import DatasetError
from untrusted.files import opened_file

if TYPE_CHECKING:  # at run time Pillow is loaded only where an image is
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".pgm", ".ppm")
# Pillow's names of the same. It looks at what a file holds, not at its name, and knows others whose
# decoding starts a program (EPS: Ghostscript); and the fewer decoders, the fewer faults of theirs.
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
# A file of kilobytes can unpack to gigabytes; its header says so before anything is decoded.
MAX_PIXELS = 1 << 26  # 67 million: a camera of 64 megapixels
MAX_FILE_BYTES = 1 << 28  # an image of MAX_PIXELS needs less
GREY_MODES = ("1", "L", "LA")
# Everything else has more than 8 bits a value, which converting would clip or cut.
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB")
WIDE_PER_BYTE = 257  # 65535 / 255
# What Pillow's plugins let through for files that are damaged or no images.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


class TooManyPixelsError(DatasetError):
    """An image whose header promises more pixels than are wanted; nothing was decoded."""


def exact_image(path: Path) -> "Image":
    """Return an image of a dataset in mode L or RGB, upright, none of its values changed.

    Raises:
        DatasetError: it cannot be decoded, is too large, has transparent parts or more than 8 bits
            a value.
    """
    with _opened(path, str(path)) as image:
        if image.mode not in GREY_MODES + COLOUR_MODES:
            raise DatasetError(
                str(path), f"has pixels of Pillow's mode {image.mode}, wanted 8 bits a channel"
            )
        upright = _upright(image)
        if upright.has_transparency_data:
            _check_opaque(path, np.asarray(upright.convert("RGBA"))[..., 3])
        return upright.convert("L" if image.mode in GREY_MODES else "RGB")


def converted_image(
    source: Path | BinaryIO, subject: str, *, most_pixels: int = MAX_PIXELS
) -> "Image":
    """Return an image of any kind in mode L or RGB, upright.

    Whole numbers of 16 bits (or more, of which those beyond 65535 are cut) are divided by 257 and
    rounded; floats are taken to go from 0 to 1; transparent parts are laid upon white; palettes,
    CMYK, YCbCr, HSV and LAB become RGB.

    Args:
        source: a file, or a stream that can seek.
        subject: what an error names.
        most_pixels: that it may have.

    Raises:
        TooManyPixelsError: it has more.
        DatasetError: it cannot be decoded.
    """
    with _opened(source, subject, most_pixels) as image:
        return _in_eight_bits(_upright(image))


def planes(image: "Image", channels: int, size: Size | None) -> NDArray[np.uint8]:
    """Return uint8 `[C, H, W]` of an image in mode L or RGB.

    Args:
        image: as the functions above return it.
        channels: 1 or 3.
        size: to resize to; None leaves it.
    """
    plane = image.convert("L") if channels == 1 else image
    if size is not None:
        plane = resized(plane, size)
    pixels: NDArray[np.uint8] = np.asarray(plane)
    if pixels.ndim == 3:
        return pixels.transpose(2, 0, 1)
    return np.broadcast_to(pixels, (channels, *pixels.shape))


@contextlib.contextmanager
def _opened(
    source: Path | BinaryIO, subject: str, most_pixels: int = MAX_PIXELS
) -> Iterator["Image"]:
    """Give an image whose header was read; tell what goes wrong in the block as its damage."""
    from PIL import Image, UnidentifiedImageError

    with contextlib.ExitStack() as stack:
        if isinstance(source, Path):
            file = opened_file(source, most_bytes=MAX_FILE_BYTES, error=DatasetError)
            source = stack.enter_context(file)
        _quieten()
        stack.enter_context(_FILTERS.active())
        try:
            with Image.open(source, formats=FORMATS) as image:
                if image.width * image.height > most_pixels:
                    raise Image.DecompressionBombError(f"{image.width}x{image.height} pixels")
                if image.format == "PNG":
                    _verify_png(source)
                yield image
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise TooManyPixelsError(
                subject, f"is too large, wanted at most {most_pixels} pixels: {one_line(error)}"
            ) from error
        except UnidentifiedImageError as error:  # names the stream, by its address in memory
            raise DatasetError(subject, "not a readable image: of no known format") from error
        except DAMAGE as error:
            raise DatasetError(subject, f"not a readable image: {one_line(error)}") from error


def _verify_png(source: BinaryIO) -> None:
    """Compare all checksums of a PNG, as Pillow does not while it decodes; other forms have none.

    Raises:
        SyntaxError: as Pillow calls it, one is wrong.
    """
    from PIL import Image

    place = source.tell()
    with Image.open(source, formats=("PNG",)) as image:
        image.verify()
    source.seek(place)


@functools.cache
def _quieten() -> None:
    """Let nobody else tell what is wrong with an image: it is told in one line, by name.

    Pillow's TIFF reader logs it, and libtiff prints it, which only libtiff itself can be asked to
    leave; where it has no such symbol (on Windows), it goes on printing.
    """
    from PIL import _imaging

    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def _filter_warnings() -> None:
    from PIL import Image

    warnings.simplefilter("ignore")  # of odd metadata, which decides nothing here
    warnings.simplefilter("error", Image.DecompressionBombWarning)


_FILTERS = SharedFilters(_filter_warnings)


def _upright(image: "Image") -> "Image":
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _check_opaque(path: Path, alpha_HW: NDArray[np.uint8]) -> None:
    if alpha_HW.min() < 255:
        raise DatasetError(
            str(path),
            "has transparent pixels, whose colour is not defined",
            hint="flatten the images onto a background",
        )


def _in_eight_bits(image: "Image") -> "Image":
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_bytes_of_wide(image))
    mode = "L" if image.mode in (*GREY_MODES, "La") else "RGB"
    if image.has_transparency_data:
        # Pillow knows no way from premultiplied grey to any other mode.
        above = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert(mode)


def _bytes_of_wide(image: "Image") -> NDArray[np.uint8]:
    values = np.asarray(image)
    if image.mode == "F":
        scaled = 255 * np.clip(np.nan_to_num(values), 0, 1)
    else:
        scaled = np.clip(values, 0, 65535) / WIDE_PER_BYTE
    pixels: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):  # a PNG's one value that stands for nothing
        pixels[values == clear] = 255
    return pixels
