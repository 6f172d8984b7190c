"""Every error that a user can cause or meet, and the exit code of each.

    OnnxproofError
    ├── UsageError          2    an option or an argument that cannot be meant
    ├── UnusableError       3    the provider or device asked for does not work here
    ├── ArtifactError       4    a file is missing, damaged, or not what its record says
    │   └── DatasetError    4    the same for a dataset
    └── UnfinishedError     5    disk full, out of memory, a model that crashed or hung

A verdict that failed (exit code 1) and a signal (130, 143) are outcomes, not errors. This module
belongs to no room and imports nothing, so that every room may raise from one tree.
"""

from typing import ClassVar


class OnnxproofError(Exception):
    """An error told in one line: what it is about, what is wrong, and the way out.

    Args:
        subject: the file, option or dataset that the error is about.
        problem: what was wanted and what was found.
        hint: what to do next, where there is something to do.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, subject: str, problem: str, *, hint: str | None = None) -> None:
        super().__init__(subject, problem)  # what a copy in another process is made of
        self.subject = subject
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        """Return the line without `error: `."""
        return f"{self.subject}: {self.problem}"


class UsageError(OnnxproofError):
    """An option or argument that cannot be meant."""

    exit_code = 2


class UnusableError(OnnxproofError):
    """The execution provider or device that was asked for does not work on this machine."""

    exit_code = 3


class ArtifactError(OnnxproofError):
    """A file that is missing, damaged, or not what its record says."""

    exit_code = 4


class DatasetError(ArtifactError):
    """A dataset that is missing, damaged, or breaks a rule of its format."""


class UnfinishedError(OnnxproofError):
    """Work that could not be finished: disk full, out of memory, a crashed or hanging model."""

    exit_code = 5
