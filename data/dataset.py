"""What a dataset is once it is prepared: two splits of uint8 images with labels, and their sha256.

A folder of images without labels is a dataset too: it has no classes and only the test split, whose
labels are all `UNLABELLED`.

Suffixes of arrays: N examples, C channels, H height, W width.

Two sha256 are defined here; records in other rooms rely on them, so they never change:

    split    sha256 over  {"images":{"dtype":"uint8","shape":[N,C,H,W]},
                           "labels":{"dtype":"int64","shape":[N]}}      as canonical JSON,
             then the bytes of the images in C order,
             then the labels as little-endian int64.
    dataset  sha256 over  {"classes":[...],"test":"<hex>","train":"<hex>"}  as canonical JSON;
             without "train" where there is no such split.

Canonical JSON has sorted keys, no spaces, and is UTF-8. The name of a dataset is not part of its
sha256: the same images under two names are the same data.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.pages import RELEASED_BYTES, ReadPages
from errors import DatasetError
from untrusted.sealed_json import canonical_json

SplitName = Literal["train", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "test")
UNLABELLED = -1  # the label of an image that has none


@dataclass(frozen=True, kw_only=True, eq=False)
class RawDataset:
    """What a reader found, unchecked: any dtype, any shape.

    `classes` only if the source names them; a label is an index into them.
    """

    train_images: NDArray[np.generic]
    train_labels: NDArray[np.generic]
    test_images: NDArray[np.generic]
    test_labels: NDArray[np.generic]
    classes: tuple[str, ...] | None = None

    def arrays(self, split: SplitName) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return the images and the labels of one split."""
        if split == "train":
            return self.train_images, self.train_labels
        return self.test_images, self.test_labels


@dataclass(frozen=True, kw_only=True, eq=False)
class RawImages:
    """What a reader found where there are no labels, unchecked."""

    images: NDArray[np.generic]


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Images with their labels, in a fixed order.

    Attributes:
        images: uint8 `[N, C, H, W]`, C-contiguous and read-only; a memory map if it comes from the
            cache, so that only what is used is read.
        labels: int64 `[N]`, 0 to K-1, or all `UNLABELLED`; read-only.
        sha256: of header, images and labels, as this module's docstring defines it.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)


class Dataset:
    """A training and a test split of images of one shape, with the names of their classes.

    A split is opened, and its sha256 verified, when it is first asked for: to evaluate the test
    split never reads the training images.

    Args:
        name: lower case, fit for a file name: `digits`, `svhn-gray`.
        classes: K names; a label is an index into them. None at all where nothing has a label.
        image_shape: C, H, W.
        split_sha256: sha256 of each split that there is.
        open_split: called at most once a split.
    """

    def __init__(
        self,
        *,
        name: str,
        classes: tuple[str, ...],
        image_shape: tuple[int, int, int],
        split_sha256: Mapping[str, str],
        open_split: Callable[[SplitName], Split],
    ) -> None:
        self.name = name
        self.classes = classes
        self.image_shape = image_shape
        self.split_sha256 = split_sha256
        self.sha256 = dataset_sha256(classes, self.split_sha256)
        self._open_split = open_split

    @property
    def labelled(self) -> bool:
        """Whether its images have labels; if not, only the test split is there."""
        return bool(self.classes)

    @property
    def split_names(self) -> tuple[SplitName, ...]:
        """The splits that there are."""
        return tuple(name for name in SPLIT_NAMES if name in self.split_sha256)

    def split(self, name: SplitName) -> Split:
        """Return the split of this name.

        Raises:
            DatasetError: it is `train`, and nothing has a label.
        """
        return self.train if name == "train" else self.test

    @cached_property
    def train(self) -> Split:
        """The training split.

        Raises:
            DatasetError: nothing has a label.
        """
        if "train" not in self.split_sha256:
            raise DatasetError(
                self.name,
                "has no training images: its images have no labels, wanted train/<class>/*.png and"
                " test/<class>/*.png",
            )
        return self._open_split("train")

    @cached_property
    def test(self) -> Split:
        """The test split."""
        return self._open_split("test")

    def without_test(self) -> "Dataset":
        """Return the same dataset for work that must not see the test split: it does not open."""

        def open_split(name: SplitName) -> Split:
            if name == "test":
                raise DatasetError(
                    self.name, "the test split must not be read before the network is finished"
                )
            return self.split(name)

        return Dataset(
            name=self.name,
            classes=self.classes,
            image_shape=self.image_shape,
            split_sha256=self.split_sha256,
            open_split=open_split,
        )

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, image_shape={self.image_shape}, sha256={self.sha256!r})"


def dataset_from_splits(
    name: str, classes: tuple[str, ...], splits: Mapping[SplitName, Split]
) -> Dataset:
    """Return a dataset whose splits are already open."""
    channels, height, width = splits["test"].images.shape[1:]
    return Dataset(
        name=name,
        classes=classes,
        image_shape=(channels, height, width),
        split_sha256={name: split.sha256 for name, split in splits.items()},
        open_split=splits.__getitem__,
    )


def split_sha256(images_NCHW: NDArray[np.uint8], labels_N: NDArray[np.int64]) -> str:
    """Return the hex sha256 of a split; the images must be C-contiguous."""
    header = {
        "images": {"dtype": "uint8", "shape": list(images_NCHW.shape)},
        "labels": {"dtype": "int64", "shape": list(labels_N.shape)},
    }
    digest = hashlib.sha256(canonical_json(header))
    pixels = images_NCHW.reshape(-1)
    pages = ReadPages(images_NCHW)
    for start in range(0, len(pixels), RELEASED_BYTES):
        part = pixels[start : start + RELEASED_BYTES]
        digest.update(part.data)
        pages.note(part)
    digest.update(labels_N.astype("<i8", copy=False).data)
    return digest.hexdigest()


def dataset_sha256(classes: tuple[str, ...], splits: Mapping[str, str]) -> str:
    """Return the hex sha256 of a dataset from its classes and the sha256 of each of its splits."""
    record = {"classes": list(classes), **splits}
    return hashlib.sha256(canonical_json(record)).hexdigest()
