"""`datasets`: which datasets are here, and preparing them ahead of their use."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion_values import datasets
from commands.options import data_dir_option, image_size_option, output_options
from errors import UsageError

if TYPE_CHECKING:  # at run time these load numpy
    from data.dataset import SplitName
    from data.inventory import NamedDataset, Preparation, PreparedEntry


@click.command("datasets")
@data_dir_option
@click.option(
    "--prepare",
    "specs",
    multiple=True,
    metavar="NAME|PATH",
    shell_complete=datasets,
    help="Download it if it has a name and is not here, read all of it, and keep it in the cache;"
    " may be repeated.",
)
@image_size_option
@output_options
def command(
    data_dir: Path | None,
    specs: tuple[str, ...],
    image_size: tuple[int, int] | None,
    as_json: bool,
) -> None:
    """List the datasets with a name, whether they are here, and what else was prepared.

    Nothing is downloaded unless --prepare asks for it.

    \b
    Example: python cli.py datasets --prepare mnist
    """
    from commands.console import print_json, print_pairs, show_log
    from commands.progress import step_progress
    from commands.streams import in_one_line
    from data.cache import cache_directory
    from data.inventory import named_datasets, prepared_entries
    from data.sources import data_directory

    show_log()
    if image_size is not None and not specs:
        raise UsageError("--image-size", "wants --prepare")
    done = []
    for spec in specs:
        with step_progress(f"preparing {in_one_line(spec)}"):
            done.append(_prepared(spec, data_dir, image_size))
    entries = prepared_entries()
    named = named_datasets(data_dir, entries)
    own = [dataset.prepared for dataset in named]
    others = [entry for entry in entries if entry not in own]
    if as_json:
        print_json(
            {
                "schema": 1,
                "data_dir": str(data_directory(data_dir)),
                "cache_dir": str(cache_directory()),
                "datasets": [_named_json(dataset) for dataset in named],
                "others": [_entry_json(entry) for entry in others],
                "done": [_preparation_json(preparation) for preparation in done],
            }
        )
        return
    if done:
        print_pairs("done", [(each.spec, _preparation_line(each)) for each in done])
    print_pairs("datasets", [(dataset.name, _named_line(dataset)) for dataset in named])
    if others:
        print_pairs("also prepared", [_entry_pair(entry) for entry in others])
    print_pairs(
        "directories",
        [("data", str(data_directory(data_dir))), ("prepared", str(cache_directory()))],
    )


def _prepared(
    spec: str, data_dir: Path | None, image_size: tuple[int, int] | None
) -> "Preparation":
    from data.inventory import prepare

    try:
        return prepare(spec, data_dir=data_dir, image_size=image_size)
    except UsageError as error:  # it speaks of --dataset, where other commands are given a name
        raise UsageError("--prepare", error.problem, hint=error.hint) from error


def _named_json(dataset: "NamedDataset") -> dict[str, object]:
    return {
        "name": dataset.name,
        "state": dataset.state,
        "directory": None if dataset.directory is None else str(dataset.directory),
        "bytes": dataset.total_bytes,
        "prepared": None if dataset.prepared is None else _entry_json(dataset.prepared),
    }


def _entry_json(prepared: "PreparedEntry") -> dict[str, object]:
    entry = prepared.entry
    return {
        "directory": str(prepared.directory),
        "bytes": prepared.total_bytes,
        "damage": prepared.damage,
        "name": entry.name if entry else None,
        "classes": list(entry.classes) if entry else None,
        "image_shape": list(entry.image_shape) if entry else None,
        "examples": dict(entry.examples) if entry else None,
        "sha256": entry.sha256 if entry else None,
    }


def _preparation_json(done: "Preparation") -> dict[str, object]:
    dataset = done.dataset
    return {
        "dataset": done.spec,
        "name": dataset.name,
        "downloaded": done.downloaded,
        "prepared": done.prepared,
        "directory": None if done.directory is None else str(done.directory),
        "image_shape": list(dataset.image_shape),
        "examples": {name: len(dataset.split(name)) for name in dataset.split_names},
        "sha256": dataset.sha256,
    }


def _named_line(dataset: "NamedDataset") -> str:
    if dataset.state == "missing":
        return f"not here; --prepare {dataset.name} downloads it"
    where = "embedded"
    if dataset.directory is not None and dataset.total_bytes is not None:
        where = f"{_size(dataset.total_bytes)} in {dataset.directory}"
    if dataset.prepared is None:
        return f"{where}; not prepared yet"
    return f"{where}; prepared: {_entry_pair(dataset.prepared)[1]}"


def _entry_pair(prepared: "PreparedEntry") -> tuple[str, str]:
    """Return name and description of an entry of the cache."""
    entry = prepared.entry
    if entry is None:
        return "(damaged)", f"{prepared.directory}: {prepared.damage}"
    what = _what(entry.examples, entry.image_shape)
    return entry.name, f"{what}, {_size(prepared.total_bytes)}"


def _preparation_line(done: "Preparation") -> str:
    dataset = done.dataset
    steps = ["downloaded"] if done.downloaded else []
    if done.directory is None:
        steps.append("read, but the cache cannot be written")
    else:
        steps.append("prepared" if done.prepared else "was prepared already")
    counts = {name: len(dataset.split(name)) for name in dataset.split_names}
    return f"{' and '.join(steps)}: {_what(counts, dataset.image_shape)}"


def _what(examples: "Mapping[SplitName, int]", image_shape: tuple[int, int, int]) -> str:
    channels, height, width = image_shape
    counts = f"{examples['test']:,} without labels"
    if "train" in examples:
        counts = f"{examples['train']:,} to train and {examples['test']:,} to test"
    return f"{counts}, {'grey' if channels == 1 else f'{channels} channels'}, {height}x{width}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
