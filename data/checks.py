"""The rules that every dataset must keep, whatever it was read from."""

import math

import numpy as np
from numpy.typing import NDArray

from data.dataset import (
    SPLIT_NAMES,
    UNLABELLED,
    RawDataset,
    RawImages,
    Split,
    SplitName,
    split_sha256,
)
from data.resizing import Size, resized_images
from errors import DatasetError
from untrusted.memory import require_memory

MAX_CHANNELS = 4  # grey, grey with alpha, RGB, RGBA; more means that the axes are in another order


def checked_splits(
    raw: RawDataset | RawImages, subject: str, image_size: Size | None = None
) -> tuple[tuple[str, ...], dict[SplitName, Split]]:
    """Return the names of the classes and the splits of a dataset that keeps every rule.

    The rules: images are uint8 `[N, C, H, W]` with 1 to 4 channels, at least one in each split, of
    one shape in both; labels are whole numbers `[N]` within 0..K-1. K is the number of classes
    where the source names them, else the largest training label + 1; then at least half of these
    classes must have a training image, which a stray label of 200 or 255 makes impossible. Images
    without labels have no classes and are one split, `test`.

    Args:
        raw: the arrays as the reader found them.
        subject: path or name of the dataset, for the error.
        image_size: what every image is resized to; None leaves them.

    Raises:
        DatasetError: a rule is broken; it names the split, the first example, and what was wanted.
        UnfinishedError: there is not the memory for a copy in another size or order.
    """
    if isinstance(raw, RawImages):
        images_NCHW = _checked_images(raw.images, "test", subject, image_size)
        labels_N = np.full(len(images_NCHW), UNLABELLED, dtype=np.int64)
        return (), {"test": _read_only(images_NCHW, labels_N, subject)}
    # In this order: each check may rely on the ones before it.
    images = {
        split: _checked_images(raw.arrays(split)[0], split, subject, image_size)
        for split in SPLIT_NAMES
    }
    if images["train"].shape[1:] != images["test"].shape[1:]:
        shapes = [list(images[split].shape[1:]) for split in SPLIT_NAMES]
        raise DatasetError(
            subject,
            f"train has images [C, H, W] = {shapes[0]}, test has {shapes[1]}: wanted one shape",
        )
    labels = {split: _checked_labels(raw, split, subject) for split in SPLIT_NAMES}
    classes = (
        raw.classes if raw.classes is not None else _classes_from_labels(labels["train"], subject)
    )
    _check_classes(classes, subject)
    for split in SPLIT_NAMES:
        _check_label_range(labels[split], len(classes), split, subject)

    return classes, {
        split: _read_only(images[split], labels[split], subject) for split in SPLIT_NAMES
    }


def one_line(error: Exception) -> str:
    """Return what a library says in its exception, without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _checked_images(
    images: NDArray[np.generic], split: SplitName, subject: str, image_size: Size | None
) -> NDArray[np.uint8]:
    if images.dtype != np.uint8:
        raise DatasetError(
            subject,
            f"{split}: images are {images.dtype}, wanted uint8",
            hint="give raw pixels, 0 to 255: scaling belongs to the network",
        )
    if images.ndim != 4:
        raise DatasetError(
            subject, f"{split}: images have shape {list(images.shape)}, wanted [N, C, H, W]"
        )
    examples, channels, height, width = images.shape
    if examples == 0:
        raise DatasetError(subject, f"{split}: no images, wanted at least one")
    if not 1 <= channels <= MAX_CHANNELS:
        raise DatasetError(
            subject,
            f"{split}: images have shape {list(images.shape)}, that is {channels} channels: "
            f"wanted [N, C, H, W] with 1 to {MAX_CHANNELS}",
            hint="transpose [N, H, W, C] to [N, C, H, W]",
        )
    if height == 0 or width == 0:
        raise DatasetError(subject, f"{split}: images of {height}x{width} pixels")
    pixels = images.astype(np.uint8, copy=False)
    if image_size is None or image_size == (height, width):
        return pixels
    require_memory(subject, examples * channels * math.prod(image_size), f"{split} in that size")
    return resized_images(pixels, image_size)


def _checked_labels(raw: RawDataset, split: SplitName, subject: str) -> NDArray[np.int64]:
    images, labels = raw.arrays(split)
    if labels.ndim != 1:
        raise DatasetError(
            subject, f"{split}: labels have shape {list(labels.shape)}, wanted one dimension"
        )
    if labels.dtype.kind not in "iu":
        raise DatasetError(subject, f"{split}: labels are {labels.dtype}, wanted whole numbers")
    if len(labels) != len(images):
        raise DatasetError(
            subject, f"{split}: {len(labels)} labels for {len(images)} images, wanted as many"
        )
    return labels.astype(np.int64)


def _classes_from_labels(labels_N: NDArray[np.int64], subject: str) -> tuple[str, ...]:
    largest = int(labels_N.max())
    # A negative label is told by its index, by the check of the range.
    count = max(largest + 1, 1)
    seen = len(np.unique(labels_N))
    if 2 * seen < count:
        raise DatasetError(
            subject,
            f"train: label {largest} of example {labels_N.argmax()} makes {count} classes, but "
            f"only {seen} have an image: wanted labels 0..K-1, at least half of them in use",
        )
    return tuple(str(label) for label in range(count))


def _check_classes(classes: tuple[str, ...], subject: str) -> None:
    if not classes:
        raise DatasetError(subject, "no classes, wanted at least one")
    for name in classes:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DatasetError(subject, f"class {name!r} is not valid Unicode") from None
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise DatasetError(subject, f"class {twice[0]!r} is named more than once")


def _check_label_range(
    labels_N: NDArray[np.int64], count: int, split: SplitName, subject: str
) -> None:
    outside = np.flatnonzero((labels_N < 0) | (labels_N >= count))
    if len(outside):
        first = int(outside[0])
        raise DatasetError(
            subject,
            f"{split}: label {labels_N[first]} of example {first} is outside 0..{count - 1}"
            + (f" ({len(outside)} such labels)" if len(outside) > 1 else ""),
        )


def _read_only(images_NCHW: NDArray[np.uint8], labels_N: NDArray[np.int64], subject: str) -> Split:
    if not images_NCHW.flags.c_contiguous:
        require_memory(subject, images_NCHW.nbytes, "putting its images into another order")
        images_NCHW = np.ascontiguousarray(images_NCHW)
    images_NCHW.flags.writeable = False
    labels_N.flags.writeable = False
    return Split(images=images_NCHW, labels=labels_N, sha256=split_sha256(images_NCHW, labels_N))
