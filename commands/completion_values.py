"""What the shell completes after an option that takes more than a fixed choice of words."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Items = list[CompletionItem[str]]
RUN_RECORDS = ("recipe.json", "imported.json")
Complete = Callable[[click.Context, click.Parameter, str], Items]


def words(*known: str, or_files: bool = False) -> Complete:
    """Return what completes one of these words, or else a file's name where that is meant too."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
        return _matching(known, incomplete, "file" if or_files else None)

    return complete


def word_list(known: Sequence[str]) -> Complete:
    """Return what completes the last of words with commas between."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        left = [word for word in known if word not in given]
        return [CompletionItem(before + comma + item.value) for item in _matching(left, last)]

    return complete


def datasets(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Complete a dataset's name, or a path."""
    from data.sources import DATASET_NAMES

    return _matching(DATASET_NAMES, incomplete, "file")


def runs(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Complete a run directory of ./runs, or any other directory."""
    return _matching(_directories_with(*RUN_RECORDS), incomplete, "dir")


def searches(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Complete the name of a study of ./runs, or a directory."""
    from artifacts.run_directory import STUDY_RECORD

    names = [Path(directory).name for directory in _directories_with(STUDY_RECORD)]
    return _matching(names, incomplete, "dir")


def runs_and_studies(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Complete a directory of ./runs that holds a run or a study, or any other directory."""
    from artifacts.run_directory import STUDY_RECORD

    return _matching(_directories_with(*RUN_RECORDS, STUDY_RECORD), incomplete, "dir")


def runs_and_files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Complete a run directory of ./runs, or any other directory or file."""
    return _matching(_directories_with(*RUN_RECORDS), incomplete, "file")


def _directories_with(*records: str) -> list[str]:
    from artifacts.run_directory import RUNS

    return sorted(str(path.parent) for name in records for path in RUNS.glob(f"*/{name}"))


def _matching(known: Sequence[str], incomplete: str, otherwise: str | None = None) -> Items:
    """Return the words that begin so; where there is none, what the shell is to complete."""
    items = [CompletionItem(word) for word in known if word.startswith(incomplete)]
    if not items and otherwise is not None:
        return [CompletionItem(incomplete, type=otherwise)]
    return items
