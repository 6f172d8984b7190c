"""The step of a study on a dataset: its room measures, the record and its page are written."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from artifacts.json_records import Record, write_record
from artifacts.run_lock import locked_directory
from artifacts.shell import pasteable
from artifacts.study_directory import StudyDirectory, StudyKind
from commands.console import print_pairs
from commands.progress import StepProgress, step_progress
from commands.report_steps import report_step
from commands.study_places import study_for
from data import Dataset, load_dataset

Study = TypeVar("Study", bound=Record)
Measure = Callable[[Dataset, StepProgress], Study]


def study_step(
    kind: StudyKind,
    measure: Measure[Study],
    *,
    dataset: str,
    data_dir: Path | None,
    output: Path | None,
) -> tuple[StudyDirectory, Study]:
    """Write a study's record and page, and return where, and what was measured.

    Args:
        kind: which study.
        measure: the work of its room.
        dataset: name or path.
        data_dir: where datasets with a name lie.
        output: the study's directory; None: runs/study-<kind>.

    Raises:
        UsageError: the directory holds something else.
    """
    study = study_for(kind, output)
    with locked_directory(study.root, option="--output", create=True, replaces=[study.record]):
        with step_progress(f"study {kind}") as progress:
            record = measure(load_dataset(dataset, data_dir=data_dir), progress)
        write_record(study.record, record)
    report_step([], [study])
    return study, record


def print_places(title: str, study: StudyDirectory) -> None:
    """Print where a study's record and its page lie, and the command that makes the page again."""
    print_pairs(
        title,
        [
            ("written", str(study.record)),
            ("page", str(study.report)),
            ("again", pasteable("report", study.root)),
        ],
    )
