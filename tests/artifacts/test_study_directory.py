import json
from pathlib import Path

import pytest

from artifacts.run_directory import is_file_of_a_run
from artifacts.study_directory import StudyDirectory, default_study, is_study, kind_of_study
from errors import ArtifactError
from untrusted.sealed_json import sealed

KINDS = ("losses", "convexity", "architectures", "tune")


def study_of(root: Path, document: object) -> StudyDirectory:
    study = StudyDirectory(root)
    study.record.write_text(json.dumps(document))
    return study


@pytest.mark.parametrize("kind", KINDS)
def test_kind_is_read_whatever_else_the_record_holds(kind: str, tmp_path: Path) -> None:
    document = sealed({"schema": 1, "study": kind, "whatever": [1, {"else": None}]})
    assert kind_of_study(study_of(tmp_path, document)) == kind


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (sealed({"study": "astrology"}), "study: Input should be 'losses', 'convexity'"),
        (sealed({"schema": 1}), "study: Field required"),
        ({"study": "losses"}, "not a valid Study"),
        (sealed({"study": "losses"}) | {"more": 1}, "not a valid Study"),
        ([], "not a valid Study"),
    ],
)
def test_record_of_no_study_is_refused(document: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        kind_of_study(study_of(tmp_path, document))
    assert told in caught.value.problem
    assert str(tmp_path / "study.json") == caught.value.subject


def test_missing_record_is_refused(tmp_path: Path) -> None:
    assert not is_study(tmp_path)
    with pytest.raises(ArtifactError, match="no such file"):
        kind_of_study(StudyDirectory(tmp_path))


def test_default_place_and_the_files_that_are_not_written_over() -> None:
    study = default_study("losses")
    assert study.root == Path("runs/study-losses")
    assert [is_file_of_a_run(path) for path in (study.record, study.journal, study.report)] == [
        True,
        True,
        False,
    ]
