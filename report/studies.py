"""Which page belongs to which study."""

import importlib
from collections.abc import Callable
from typing import get_type_hints

from artifacts.json_records import Record, read_record
from artifacts.study_directory import StudyDirectory, StudyKind, kind_of_study
from report.contents import Contents

# The modules are of several hands; plain imports come when all are there.
_MODULES: dict[StudyKind, str] = {
    "losses": "losses",
    "convexity": "convexity",
    "architectures": "architectures",
    "tune": "tuning",
}


def contents_of_study(study: StudyDirectory, name: str) -> Contents:
    """Return the page of a study, which is called by that name.

    Raises:
        ArtifactError: its record is missing or damaged, or is of no study that there is.
    """
    page = _MODULES[kind_of_study(study)]
    module = importlib.import_module(f"report.{page}_study")
    contents: Callable[[str, Record], Contents] = getattr(module, f"contents_of_{page}")
    kind: type[Record] = get_type_hints(contents)["study"]
    return contents(name, read_record(study.record, kind))
