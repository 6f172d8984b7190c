"""Image folders: `train/<class>/*.png` and `test/<class>/*.png`; a class is a folder's name."""

import logging
import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.checks import one_line
from data.dataset import SPLIT_NAMES, RawDataset
from errors import DatasetError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".pgm", ".ppm")
# A file of kilobytes can unpack to gigabytes; its header says so before anything is decoded.
MAX_PIXELS = 1 << 24
GREY_MODES = ("1", "L", "LA")
# Everything else has more than 8 bits a value, which converting would clip or cut.
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB")
# What Pillow's plugins let through for files that are damaged or no images.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, zlib.error)

logger = logging.getLogger("onnxproof")


def find_images(folder: Path) -> tuple[Path, ...]:
    """Return the image files of a folder in a fixed order: train, test; class; file name.

    Hidden files are passed over; files of other kinds too, with a warning.

    Raises:
        DatasetError: `train` or `test` is missing, a class has no images, or a class of `test` is
            none of `train`.
    """
    images: list[Path] = []
    passed_over: list[Path] = []
    for split in SPLIT_NAMES:
        if not (folder / split).is_dir():
            raise DatasetError(str(folder), f"{split}/ is missing: wanted train/ and test/")
        entries = _visible(folder / split)
        class_folders = [path for path in entries if path.is_dir()]
        passed_over += [path for path in entries if not path.is_dir()]
        for class_folder in class_folders:
            files = _visible(class_folder)
            in_class = [path for path in files if path.suffix.lower() in SUFFIXES]
            passed_over += [path for path in files if path.suffix.lower() not in SUFFIXES]
            if not in_class:
                raise DatasetError(
                    str(class_folder), f"has no images: wanted files in {', '.join(SUFFIXES)}"
                )
            images += in_class
    _check_test_classes(folder)
    if passed_over:
        logger.warning(
            "%s: %d files passed over that are no images in a class folder, first %s",
            folder,
            len(passed_over),
            passed_over[0],
        )
    return tuple(images)


def read_image_folder(folder: Path, files: Sequence[Path]) -> RawDataset:
    """Return the images that `find_images` found, upright as their EXIF orientation says.

    They have one channel if all are grey, else three; classes are the training folders, sorted.

    Raises:
        DatasetError: a file cannot be decoded, is too large, has transparent parts or more than
            8 bits a value, or is of another size than the first.
    """
    pixels = [_pixels(path) for path in files]
    for path, image in zip(files, pixels, strict=True):
        if image.shape[:2] != pixels[0].shape[:2]:
            raise DatasetError(
                str(path),
                f"is {_size(image)} pixels, but {files[0]} is {_size(pixels[0])}: "
                "wanted images of one size",
            )
    if any(image.ndim == 3 for image in pixels):
        pixels = [np.dstack([image] * 3) if image.ndim == 2 else image for image in pixels]
        images_NCHW = np.stack(pixels).transpose(0, 3, 1, 2)
    else:
        images_NCHW = np.stack(pixels)[:, np.newaxis]

    classes = _class_names(folder, "train")
    labels_N = np.array([classes.index(path.parent.name) for path in files])
    train_examples = sum(path.parent.parent.name == "train" for path in files)
    return RawDataset(
        train_images=images_NCHW[:train_examples],
        train_labels=labels_N[:train_examples],
        test_images=images_NCHW[train_examples:],
        test_labels=labels_N[train_examples:],
        classes=classes,
    )


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _class_names(folder: Path, split: str) -> tuple[str, ...]:
    return tuple(path.name for path in _visible(folder / split) if path.is_dir())


def _check_test_classes(folder: Path) -> None:
    known = _class_names(folder, "train")
    unknown = [name for name in _class_names(folder, "test") if name not in known]
    if unknown:
        raise DatasetError(
            str(folder / "test" / unknown[0]),
            f"is no class of train/: wanted one of {', '.join(known) or '(none there)'}",
        )


def _pixels(path: Path) -> NDArray[np.uint8]:
    """Return uint8 `[H, W]` for a grey image, else `[H, W, 3]`."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width}x{image.height} pixels")
                _check_mode(path, image.mode)
                upright = ImageOps.exif_transpose(image)
                if upright.has_transparency_data:
                    _check_opaque(path, np.asarray(upright.convert("RGBA"))[..., 3])
                grey = image.mode in GREY_MODES
                return np.asarray(upright.convert("L" if grey else "RGB"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(
            str(path), f"is too large, wanted at most {MAX_PIXELS} pixels: {one_line(error)}"
        ) from error
    except DAMAGE as error:
        raise DatasetError(str(path), f"not a readable image: {one_line(error)}") from error


def _check_mode(path: Path, mode: str) -> None:
    if mode not in GREY_MODES + COLOUR_MODES:
        raise DatasetError(
            str(path), f"has pixels of Pillow's mode {mode}, wanted 8 bits a channel"
        )


def _check_opaque(path: Path, alpha_HW: NDArray[np.uint8]) -> None:
    if alpha_HW.min() < 255:
        raise DatasetError(
            str(path),
            "has transparent pixels, whose colour is not defined",
            hint="flatten the images onto a background",
        )


def _size(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
