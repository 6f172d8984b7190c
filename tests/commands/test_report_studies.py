"""`report` of studies, alone and beside runs; what `compare` makes of them."""

import json
import os
import shutil
from pathlib import Path

import pytest

from artifacts.json_records import write_record
from artifacts.run_lock import locked_directory
from artifacts.study_directory import StudyDirectory
from commands.main import main
from tests.report.architectures import three_networks
from untrusted.sealed_json import sealed


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyDirectory:
    monkeypatch.chdir(tmp_path)
    study = StudyDirectory(Path("runs/study-architectures"))
    write_record(study.record, three_networks())
    return study


def test_page_of_a_study_lies_in_its_directory(
    study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(study.root), "--plots", "plots", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["report"] == str(study.report)
    assert document["runs"] == []
    assert document["studies"] == [{"directory": str(study.root), "study": "architectures"}]
    assert sorted(document["plots"]) == sorted(str(path) for path in Path("plots").iterdir())
    assert "plots/accuracy-latency-32.svg" in document["plots"]
    text = study.report.read_text()
    assert ">study-architectures</h1>" in text
    assert "lenet5 when time decides" in text
    for of_runs in ("Not proved", "Where it came from", "Skip to the verdict"):
        assert of_runs not in text


@pytest.mark.parametrize("places", [["runs"], ["runs/tiny", "runs/study-architectures"]])
def test_runs_and_studies_share_a_page_runs_first(
    places: list[str],
    study: StudyDirectory,
    evaluated_run: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(evaluated_run, "runs/tiny")
    (study.root / "lenet5" / "evaluations").mkdir(parents=True)  # a run of the study's own
    Path("runs/notes").mkdir()
    assert main(["report", *places]) == 0
    told = capsys.readouterr().out
    assert "report of tiny, study-architectures" in told
    assert "evaluations  2, of which 0 failed" in told
    text = Path("runs/report.html").read_text()
    assert ">1 network and 1 study</h1>" in text
    assert text.index(">tiny</h2>") < text.index(">study-architectures</h2>")
    assert text.count("Where it came from</h3>") == 1
    assert "All runs of this page" not in text  # there is one


def test_report_without_arguments_is_of_the_last_run_not_of_a_study(
    study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report"]) == 4
    assert "no run was trained here yet" in capsys.readouterr().err
    assert not study.report.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"study": "astrology"}, "study: Input should be 'losses', 'convexity', 'architectures'"),
        ({"study": "tune"}, "not a valid TuningStudy"),
        ({"networks": []}, "not a valid ArchitectureStudy: networks"),
    ],
)
def test_record_of_no_study_is_refused_and_the_old_page_stays(
    change: dict[str, object],
    told: str,
    study: StudyDirectory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study.report.write_text("old")
    study.record.write_text(json.dumps(sealed(three_networks().to_dict() | change)))
    assert main(["report", str(study.root)]) == 4
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith(f"error: {study.record}: not a valid ")
    assert told in errors[0]
    assert study.report.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"study": "losses"}', b"\xff\x00"])
def test_damaged_record_is_told_in_one_line(
    content: bytes, study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    study.record.write_bytes(content)
    assert main(["report", str(study.root)]) == 4
    assert capsys.readouterr().err.startswith(f"error: {study.record}: ")
    assert not study.report.exists()


def test_pipe_in_the_place_of_the_record_is_refused(
    study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    study.record.unlink()
    os.mkfifo(study.record)
    assert main(["report", str(study.root)]) == 4
    assert "is a named pipe" in capsys.readouterr().err


def test_dataset_is_of_runs(study: StudyDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(study.root), "--dataset", "digits"]) == 2
    assert "error: --dataset: wants one run" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["study.json", "journal.log"])
def test_records_of_studies_are_not_written_over(
    name: str, study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = study.record.read_bytes()
    for place in (study.root / name, Path("elsewhere") / name):
        assert main(["report", str(study.root), "--output", str(place)]) == 2
        assert "error: --output: " in capsys.readouterr().err
    assert study.record.read_bytes() == whole


def test_study_that_is_being_written_is_not_reported(
    study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked_directory(study.root, option="--output"):
        assert main(["report", str(study.root)]) == 5
    assert "another process is writing it" in capsys.readouterr().err
    assert main(["report", str(study.root)]) == 0


def test_compare_passes_over_studies_but_not_over_their_runs(
    study: StudyDirectory, evaluated_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(study.root)]) == 4
    assert f"error: {study.root}: has no evaluation" in capsys.readouterr().err
    shutil.copytree(evaluated_run, "runs/tiny")
    assert main(["compare", "runs/tiny", str(study.root), "--json"]) == 0
    assert {row["run"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"tiny"}
    shutil.copytree(evaluated_run, study.root / "lenet5")
    assert main(["compare", "runs/tiny", str(study.root), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["run"] for row in rows} == {"tiny", "lenet5"}
