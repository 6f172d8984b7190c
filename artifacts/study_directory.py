"""The directory of a study: the names of its files, and which study it is of."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from artifacts.json_records import Record, read_record
from artifacts.run_directory import RUNS, STUDY_JOURNAL, STUDY_RECORD, default_run
from untrusted.files import is_there

StudyKind = Literal["losses", "convexity", "architectures", "tune"]


class Study(Record):
    """What every study.json says, whatever else it holds."""

    model_config = ConfigDict(extra="ignore")

    study: StudyKind


@dataclass(frozen=True)
class StudyDirectory:
    """The paths of a study; making one touches nothing on disk."""

    root: Path

    @property
    def record(self) -> Path:
        """What was found. Written last."""
        return self.root / STUDY_RECORD

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.root / "report.html"

    @property
    def journal(self) -> Path:
        """Optuna's own storage of a search, unless it was told another."""
        return self.root / STUDY_JOURNAL


def default_study(kind: StudyKind) -> StudyDirectory:
    """Return runs/study-<kind>."""
    return StudyDirectory(RUNS / f"study-{kind}")


def default_search(dataset_name: str, model_name: str) -> StudyDirectory:
    """Return runs/tune-<dataset>-<model>."""
    return StudyDirectory(default_run(f"tune-{dataset_name}", model_name).root)


def named_study(text: str) -> StudyDirectory:
    """Return runs/<text>, or where the text is a path, that."""
    is_path = os.sep in text or bool(os.altsep and os.altsep in text) or text in (".", "..")
    return StudyDirectory(Path(text) if is_path else RUNS / text)


def is_study(place: Path) -> bool:
    """Return whether a directory holds the record of a study, whole or damaged."""
    return is_there(StudyDirectory(place).record)


def kind_of_study(study: StudyDirectory) -> StudyKind:
    """Return which study a record is of.

    Raises:
        ArtifactError: the record is missing, damaged, or of none of the studies that there are.
    """
    return read_record(study.record, Study).study
