"""Which datasets are here: those with a name, and what was prepared. Nothing is downloaded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data import cache
from data.dataset import Dataset
from data.load import load_dataset
from data.resizing import Size
from data.sources import DATASET_NAMES, source_from_name
from errors import DatasetError

State = Literal["embedded", "downloaded", "missing"]


@dataclass(frozen=True, kw_only=True)
class PreparedEntry:
    """An entry of the cache.

    Attributes:
        directory: where it lies.
        total_bytes: of its files.
        entry: what its record says; None if it is damaged.
        damage: in which way.
    """

    directory: Path
    total_bytes: int
    entry: cache.Entry | None
    damage: str | None


@dataclass(frozen=True, kw_only=True)
class NamedDataset:
    """One of `DATASET_NAMES`.

    Attributes:
        name: the name.
        state: whether it can be had without a network.
        directory: of the downloaded files, the nearest that holds all of them.
        total_bytes: of those files.
        prepared: its entry in the cache, in its own size.
    """

    name: str
    state: State
    directory: Path | None
    total_bytes: int | None
    prepared: PreparedEntry | None


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What was done to have a dataset at hand.

    Attributes:
        spec: what was asked for.
        dataset: the dataset, all of it read and verified.
        downloaded: whether files were fetched.
        prepared: whether it was read from its source; if not, it was in the cache.
        directory: its entry in the cache; None where the cache cannot be written.
    """

    spec: str
    dataset: Dataset
    downloaded: bool
    prepared: bool
    directory: Path | None


def prepared_entries() -> tuple[PreparedEntry, ...]:
    """Return all that is in the cache.

    Raises:
        DatasetError: the cache cannot be read.
    """
    try:
        return tuple(_entries())
    except OSError as error:
        raise DatasetError(
            str(cache.cache_directory()), f"cannot be read: {error.strerror}"
        ) from error


def named_datasets(
    data_dir: Path | None, entries: tuple[PreparedEntry, ...]
) -> tuple[NamedDataset, ...]:
    """Return all datasets with a name.

    Args:
        data_dir: as of `load_dataset`.
        entries: of the cache.

    Raises:
        DatasetError: a file of theirs is gone while it is looked at.
    """
    try:
        return tuple(_named(name, data_dir, entries) for name in DATASET_NAMES)
    except OSError as error:
        raise DatasetError(str(error.filename), f"cannot be read: {error.strerror}") from error


def prepare(spec: str, *, data_dir: Path | None, image_size: Size | None) -> Preparation:
    """Download a dataset if need be, read all of it, and leave it in the cache.

    Raises:
        UsageError, DatasetError, UnfinishedError: as `load_dataset` does.
    """
    is_missing = spec in DATASET_NAMES and source_from_name(spec, data_dir) is None
    before = {entry.directory for entry in prepared_entries()}
    dataset = load_dataset(spec, data_dir=data_dir, image_size=image_size)
    for name in dataset.split_names:
        dataset.split(name)  # opening verifies it; a damaged one is made anew
    entries = prepared_entries()
    new = [entry.directory for entry in entries if entry.directory not in before]
    same = [
        entry.directory
        for entry in entries
        if entry.entry and (entry.entry.name, entry.entry.sha256) == (dataset.name, dataset.sha256)
    ]
    return Preparation(
        spec=spec,
        dataset=dataset,
        downloaded=is_missing,
        prepared=bool(new) or not same,
        directory=(*new, *same, None)[0],
    )


def _entries() -> Iterator[PreparedEntry]:
    for directory, found in cache.all_entries():
        files = directory.iterdir() if directory.is_dir() else ()
        yield PreparedEntry(
            directory=directory,
            total_bytes=sum(path.stat().st_size for path in files),
            entry=None if isinstance(found, cache.DamagedEntryError) else found,
            damage=str(found) if isinstance(found, cache.DamagedEntryError) else None,
        )


def _named(name: str, data_dir: Path | None, entries: tuple[PreparedEntry, ...]) -> NamedDataset:
    source = source_from_name(name, data_dir)
    if source is None:
        return NamedDataset(
            name=name, state="missing", directory=None, total_bytes=None, prepared=None
        )
    key = source.key()
    prepared = next((entry for entry in entries if entry.directory.name == key), None)
    files = source.files
    return NamedDataset(
        name=name,
        state="downloaded" if files else "embedded",
        directory=Path(os.path.commonpath([path.parent for path in files])) if files else None,
        total_bytes=sum(path.stat().st_size for path in files) if files else None,
        prepared=prepared,
    )
