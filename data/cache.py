"""Prepared datasets on disk, so that a second start neither decodes nor downloads anything.

    <user's cache>/onnxproof/prepared/<key>/
        train_images.npy  train_labels.npy  test_images.npy  test_labels.npy
        dataset.json      format, name, classes, sha256, of each split shapes and sha256; and the
                          sha256 of this record itself

Images without labels have no `train_*` files.

It is only a cache: an entry that is not what `dataset.json` says is dropped and made anew. An entry
is written beside its place and renamed, so a directory with its final name is whole.
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from data.checks import one_line
from data.dataset import (
    SPLIT_NAMES,
    Dataset,
    Split,
    SplitName,
    dataset_sha256,
    split_sha256,
)
from errors import ArtifactError, UnfinishedError
from storage.space import require_space
from storage.writing import placing_directory
from untrusted.files import content_of_file
from untrusted.npy import mapped_array
from untrusted.sealed_json import sealed, unsealed

FORMAT = 2  # raise it when an entry, or what a reader makes of a source, changes

MOST_RECORD_BYTES = 1 << 24  # most of it are the names of the classes
# What a record can do to its reader, one of ours or not.
DAMAGE = (ArtifactError, OSError, KeyError, TypeError, ValueError, OverflowError)

logger = logging.getLogger("onnxproof")


class DamagedEntryError(Exception):
    """A cache entry is not what its record says; it never leaves this room."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What `dataset.json` says."""

    directory: Path
    name: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    examples: Mapping[SplitName, int]
    split_sha256: Mapping[str, str]
    sha256: str


def cache_directory() -> Path:
    """Return the directory of all entries; it need not exist."""
    return platformdirs.user_cache_path("onnxproof") / "prepared"


def read_entry(key: str) -> Entry | None:
    """Return the entry with this key, its arrays unopened, or None if there is none.

    Raises:
        DamagedEntryError: its record cannot be read, or contradicts itself.
    """
    directory = cache_directory() / key
    try:
        if not directory.is_dir():
            return None
        path = directory / "dataset.json"
        return _entry(directory, unsealed(content_of_file(path, most_bytes=MOST_RECORD_BYTES)))
    except DAMAGE as error:
        raise DamagedEntryError(f"dataset.json: {one_line(error)}") from error


def _entry(directory: Path, record: Any) -> Entry:
    channels, height, width = (int(length) for length in record["image_shape"])
    hashes = record["split_sha256"]
    splits = [split for split in SPLIT_NAMES if split == "test" or split in hashes]
    entry = Entry(
        directory=directory,
        name=str(record["name"]),
        classes=tuple(str(name) for name in record["classes"]),
        image_shape=(channels, height, width),
        examples={split: int(record["examples"][split]) for split in splits},
        split_sha256={split: str(hashes[split]) for split in splits},
        sha256=str(record["sha256"]),
    )
    if dataset_sha256(entry.classes, entry.split_sha256) != entry.sha256:
        raise ValueError("its sha256 do not fit together")
    return entry


def all_entries() -> Iterator[tuple[Path, Entry | DamagedEntryError]]:
    """Yield the directory of each entry with what its record says, or how it is damaged."""
    directory = cache_directory()
    if not directory.is_dir():
        return
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):  # another process is writing it
            continue
        try:
            entry = read_entry(path.name)
        except DamagedEntryError as damage:
            yield path, damage
        else:
            if entry is not None:  # None: it is gone meanwhile, or a file of somebody else's
                yield path, entry


def open_split(entry: Entry, split: SplitName) -> Split:
    """Return one split as read-only memory maps, its sha256 verified.

    Raises:
        DamagedEntryError: a file is missing, or is not what the record says.
    """
    images_path, labels_path = _array_paths(entry.directory, split)
    try:
        images_NCHW, labels_N = mapped_array(images_path), mapped_array(labels_path)
    except ArtifactError as error:
        raise DamagedEntryError(f"{split}: {error}") from error
    examples = entry.examples[split]
    wanted = ((examples, *entry.image_shape), np.dtype(np.uint8), (examples,), np.dtype(np.int64))
    if (images_NCHW.shape, images_NCHW.dtype, labels_N.shape, labels_N.dtype) != wanted:
        raise DamagedEntryError(f"{split}: shapes or types are not those of dataset.json")
    if not images_NCHW.flags.c_contiguous:
        raise DamagedEntryError(f"{split}: images are not in C order")
    found = split_sha256(images_NCHW, labels_N)
    if found != entry.split_sha256[split]:
        raise DamagedEntryError(f"{split}: its sha256 is {found}")
    return Split(images=images_NCHW, labels=labels_N, sha256=found)


def store(key: str, dataset: Dataset) -> None:
    """Write a dataset under this key; where that is impossible, say so in the log and go on."""
    target = cache_directory() / key
    try:
        require_space(target, _size_bytes(dataset), "a copy that is quick to open")
        with placing_directory(target) as temporary:
            _write(temporary, dataset)
    except UnfinishedError as error:
        logger.warning("%s: not cached, it will be read again next time: %s", dataset.name, error)


def drop(key: str, reason: DamagedEntryError) -> None:
    """Remove a damaged entry, with a warning that names it."""
    directory = cache_directory() / key
    logger.warning("%s: damaged cache entry, made anew from its source: %s", directory, reason)
    shutil.rmtree(directory, ignore_errors=True)


def _array_paths(directory: Path, split: SplitName) -> tuple[Path, Path]:
    return directory / f"{split}_images.npy", directory / f"{split}_labels.npy"


def _write(directory: Path, dataset: Dataset) -> None:
    splits = {name: dataset.split(name) for name in dataset.split_names}
    for name, split in splits.items():
        images_path, labels_path = _array_paths(directory, name)
        np.save(images_path, split.images)
        np.save(labels_path, split.labels)
    record: dict[str, object] = {
        "format": FORMAT,
        "name": dataset.name,
        "classes": dataset.classes,
        "image_shape": dataset.image_shape,
        "examples": {name: len(split) for name, split in splits.items()},
        "split_sha256": dict(dataset.split_sha256),
        "sha256": dataset.sha256,
    }
    (directory / "dataset.json").write_text(json.dumps(sealed(record), indent=2) + "\n")


def _size_bytes(dataset: Dataset) -> int:
    """Return what the arrays of an entry take; the rest of it is small beside them."""
    splits = (dataset.split(name) for name in dataset.split_names)
    return sum(split.images.nbytes + split.labels.nbytes for split in splits)
