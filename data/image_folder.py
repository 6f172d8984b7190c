"""Image folders: `train/<class>/*.png` and `test/<class>/*.png`; a class is a folder's name.

And folders with nothing but images in them, which have no labels.
"""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import SPLIT_NAMES, RawDataset, RawImages
from data.images import SUFFIXES, exact_image, planes
from data.resizing import Size
from errors import DatasetError
from untrusted.memory import require_memory

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
    _tell_passed_over(folder, passed_over, "no images in a class folder")
    return tuple(images)


def has_images(folder: Path) -> bool:
    """Return whether image files lie in the folder itself."""
    return any(_is_image(path) for path in _visible(folder))


def find_unlabelled_images(folder: Path) -> tuple[Path, ...]:
    """Return the image files that lie in the folder itself, in the order of their names.

    Hidden files are passed over; files of other kinds and folders too, with a warning.

    Raises:
        DatasetError: there are none.
    """
    entries = _visible(folder)
    images = tuple(path for path in entries if _is_image(path))
    if not images:
        raise DatasetError(str(folder), f"has no images: wanted files in {', '.join(SUFFIXES)}")
    passed_over = [path for path in entries if not _is_image(path)]
    _tell_passed_over(folder, passed_over, "no images")
    return images


def read_image_folder(
    folder: Path, files: Sequence[Path], image_size: Size | None = None
) -> RawDataset:
    """Return the images that `find_images` found, upright as their EXIF orientation says.

    They have one channel if all are grey, else three; classes are the training folders, sorted.

    Args:
        folder: with `train` and `test`.
        files: in it.
        image_size: to resize to; None wants them to have one size.

    Raises:
        DatasetError: a file cannot be decoded, is too large, has transparent parts or more than
            8 bits a value, or is of another size than the first.
        UnfinishedError: there is not the memory for so many images of that size.
    """
    images_NCHW = _images(folder, files, image_size)
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


def read_unlabelled_images(files: Sequence[Path], image_size: Size | None = None) -> RawImages:
    """Return the images that `find_unlabelled_images` found, read as those of an image folder.

    Raises:
        DatasetError: as `read_image_folder` does.
    """
    return RawImages(images=_images(files[0].parent, files, image_size))


def _images(folder: Path, files: Sequence[Path], image_size: Size | None) -> NDArray[np.uint8]:
    """Return uint8 `[N, C, H, W]`, filled image by image: there is never a second copy of all."""
    height, width = image_size or (0, 0)
    images_NCHW = np.empty((0, 1, height, width), dtype=np.uint8)
    for index, path in enumerate(files):
        image = exact_image(path)
        if index == 0:
            height, width = image_size or (image.height, image.width)
            images_NCHW = _room(folder, (len(files), 1, height, width))
        if image_size is None and (image.height, image.width) != (height, width):
            raise DatasetError(
                str(path),
                f"is {image.width}x{image.height} pixels, but {files[0]} is {width}x{height}: "
                "wanted images of one size",
                hint="have them resized as they are read, to 224x224 say: --image-size 224",
            )
        if image.mode == "RGB" and images_NCHW.shape[1] == 1:
            coloured_NCHW = _room(folder, (len(files), 3, height, width))
            coloured_NCHW[:index] = images_NCHW[:index]
            images_NCHW = coloured_NCHW
        images_NCHW[index] = planes(image, images_NCHW.shape[1], image_size)
    return images_NCHW


def _room(folder: Path, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    require_memory(str(folder), math.prod(shape))
    return np.empty(shape, dtype=np.uint8)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def _tell_passed_over(folder: Path, passed_over: Sequence[Path], why: str) -> None:
    if passed_over:
        logger.warning(
            "%s: %d files passed over that are %s, first %s",
            folder,
            len(passed_over),
            why,
            passed_over[0],
        )


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
