"""The way of a dataset: source, cache; else reader, checks, hashes, and into the cache."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from data import cache
from data.checks import checked_splits, one_line
from data.dataset import Dataset, Split, SplitName, dataset_from_splits
from data.resizing import Size
from data.sources import Source, source_from_spec
from errors import DatasetError, UnfinishedError


def load_dataset(
    spec: str, *, data_dir: Path | None = None, image_size: Size | None = None
) -> Dataset:
    """Return the dataset that `spec` names, checked; from the cache if it was prepared before.

    Args:
        spec: one of `DATASET_NAMES`, or a path: an `.npz` with `train_images`, `train_labels`,
            `test_images`, `test_labels`; a folder of IDX files; a pair of SVHN `.mat` files, or
            their folder; an image folder `train/<class>/*.png`, `test/<class>/*.png`; a folder
            of images without labels (`Dataset.labelled`).
        data_dir: where downloadable datasets lie, in torchvision's layout, and are downloaded to;
            by default $ONNXPROOF_DATA, else the user's cache directory.
        image_size: height and width that every image is resized to, as `data.images` tells; None
            leaves them. A dataset that has this size already is the same one.

    Raises:
        UsageError: `spec` is neither a known name nor a path.
        DatasetError: missing, damaged, or against a rule of `data.checks`; or not to be downloaded.
        UnfinishedError: the disk is full with what was downloaded or unpacked; or there is not
            memory enough.
    """
    with _told_as_dataset_errors(spec):
        source = source_from_spec(spec, data_dir, image_size)
        key = source.key()
    try:
        entry = cache.read_entry(key)
    except cache.DamagedEntryError as damage:
        cache.drop(key, damage)
        entry = None
    return _prepared(source, key) if entry is None else _cached(source, key, entry)


def _prepared(source: Source, key: str) -> Dataset:
    with _told_as_dataset_errors(source.subject):
        raw = source.read()
        classes, splits = checked_splits(raw, source.subject, source.image_size)
    dataset = dataset_from_splits(source.name, classes, splits)
    cache.store(key, dataset)
    return dataset


def _cached(source: Source, key: str, entry: cache.Entry) -> Dataset:
    def open_split(split: SplitName) -> Split:
        try:
            return cache.open_split(entry, split)
        except cache.DamagedEntryError as damage:
            cache.drop(key, damage)
        rebuilt = _prepared(source, key)
        if rebuilt.sha256 != entry.sha256:
            raise DatasetError(source.subject, "changed while it was in use")
        return rebuilt.split(split)

    return Dataset(
        name=entry.name,
        classes=entry.classes,
        image_shape=entry.image_shape,
        split_sha256=entry.split_sha256,
        open_split=open_split,
    )


@contextlib.contextmanager
def _told_as_dataset_errors(subject: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise DatasetError(
            subject,
            f"reading it needs {error.name}, which is not installed",
            hint="install what pyproject.toml names: python -m pip install .",
        ) from error
    except MemoryError as error:  # of what no header had promised
        raise UnfinishedError(subject, "reading it takes more memory than is free") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UnfinishedError(subject, f"disk full: {one_line(error)}") from error
        raise DatasetError(subject, f"cannot be read: {one_line(error)}") from error
