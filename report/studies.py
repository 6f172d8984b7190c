"""Which page belongs to which study."""

from collections.abc import Callable

from artifacts.architecture_records import ArchitectureStudy
from artifacts.convexity_records import ConvexityStudy
from artifacts.json_records import RecordType, read_record
from artifacts.losses_records import LossesStudy
from artifacts.study_directory import StudyDirectory, StudyKind, kind_of_study
from artifacts.tuning_records import TuningStudy
from report.architectures_study import contents_of_architectures
from report.contents import Contents
from report.convexity_study import contents_of_convexity
from report.losses_study import contents_of_losses
from report.tuning_study import contents_of_tuning

Page = Callable[[StudyDirectory, str], Contents]  # of a study, under a name


def contents_of_study(study: StudyDirectory, name: str) -> Contents:
    """Return the page of a study, which is called by that name.

    Raises:
        ArtifactError: its record is missing or damaged, or is of no study that there is.
    """
    return _PAGES[kind_of_study(study)](study, name)


def _page(record: type[RecordType], contents: Callable[[str, RecordType], Contents]) -> Page:
    return lambda study, name: contents(name, read_record(study.record, record))


_PAGES: dict[StudyKind, Page] = {
    "losses": _page(LossesStudy, contents_of_losses),
    "convexity": _page(ConvexityStudy, contents_of_convexity),
    "architectures": _page(ArchitectureStudy, contents_of_architectures),
    "tune": _page(TuningStudy, contents_of_tuning),
}
