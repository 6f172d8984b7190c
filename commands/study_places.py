"""Where a study is written."""

from pathlib import Path

from artifacts.study_directory import (
    StudyDirectory,
    StudyKind,
    default_study,
    is_study,
    kind_of_study,
)
from commands.run_names import is_run
from errors import ArtifactError, UsageError


def study_for(kind: StudyKind, named: Path | None) -> StudyDirectory:
    """Return the directory of a study: the one that was named, else runs/study-<kind>.

    Raises:
        UsageError: it holds a run, or another study.
    """
    study = StudyDirectory(named) if named else default_study(kind)
    if (found := _kind(study)) not in (None, kind):
        raise UsageError("--output", f"{study.root} holds a study of {found}: name another one")
    if is_run(study.root):
        raise UsageError("--output", f"{study.root} holds a run: name another one")
    return study


def _kind(study: StudyDirectory) -> StudyKind | None:
    """Return which study is there; None where none is, or a damaged one, which is replaced."""
    try:
        return kind_of_study(study) if is_study(study.root) else None
    except ArtifactError:
        return None
