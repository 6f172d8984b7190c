"""`study losses` and `study convexity` as a user calls them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from artifacts.convexity_records import ConvexityStudy
from artifacts.json_records import read_record
from artifacts.losses_records import LossesStudy
from artifacts.study_directory import StudyDirectory
from commands.main import main


@pytest.mark.parametrize(
    ("name", "kind"), [("study-losses", LossesStudy), ("study-convexity", ConvexityStudy)]
)
def test_directory_holds_record_and_page(
    name: str, kind: type[LossesStudy | ConvexityStudy], studies: Path
) -> None:
    study = StudyDirectory(studies / "runs" / name)
    record = read_record(study.record, kind)
    assert record.dataset == "mixed"
    assert f"study-{record.study}" == name
    text = study.report.read_text()
    assert "What follows, and what does not" in text
    assert record.command.replace("'", "&#39;") in text
    assert sorted(path.name for path in study.root.iterdir()) == ["report.html", "study.json"]


def test_document_is_the_record(
    mixed_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", str(mixed_npz), "--output", "here", "--classes", "2,1"]
    assert main(["study", "losses", *words, "--epochs", "1", "--seeds", "2", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document == json.loads(Path("here/study.json").read_text())
    assert [task["classes"] for task in document["tasks"]] == [["0", "1", "2"], ["2", "1"]]
    assert not Path("runs").exists()


def test_tables_fit_the_terminal(
    mixed_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", str(mixed_npz), "--epochs", "1", "--seeds", "2"]
    assert main(["study", "losses", *words]) == 0
    out = capfd.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    assert "classes 0, 1, 2: mean of 2 seeds" in out
    assert "classes 0, 1: mean of 2 seeds" in out
    assert "runs/study-losses/study.json" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["study"], "Usage: "),
        (["study", "loss"], "error: unknown study 'loss': wanted one of losses, convexity"),
        (
            ["study", "losses", "--classes", "3"],
            "error: --classes: wanted two different classes with a comma between, found '3'",
        ),
        (["study", "losses", "--classes", "1,1"], "error: --classes: wanted two different"),
        (["study", "losses", "--classes", "1,cat"], "error: --classes: unknown class 'cat'"),
        (["study", "losses", "--seeds", "1"], "error: --seeds: 1 is not in the range"),
        (["study", "convexity", "--output", ""], "error: --output: wanted a directory's name"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    words: list[str],
    told: str,
    mixed_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = ["--dataset", str(mixed_npz)] if words[1:2] in (["losses"], ["convexity"]) else []
    assert main([*words, *dataset]) == 2
    assert capsys.readouterr().err.startswith(told)
    assert list(tmp_path.iterdir()) == []


def test_dataset_without_two_classes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 1, 2, 2), dtype=np.uint8)
    labels = np.zeros(60, np.int64)
    np.savez(
        "one.npz",
        train_images=images,
        train_labels=labels,
        test_images=images,
        test_labels=labels,
    )
    for name in ("losses", "convexity"):
        assert main(["study", name, "--dataset", "one.npz"]) == 2
        told = "error: --dataset: one has 1 classes; wanted from 2 to 20"
        assert told in capsys.readouterr().err
    assert not Path("runs").exists()


def test_place_of_a_run_or_another_study_is_refused(
    studies: Path,
    finished_run: Path,
    mixed_npz: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = Path(shutil.copytree(studies / "runs" / "study-losses", tmp_path / "other"))
    before = (other / "study.json").read_bytes()
    common = ["study", "convexity", "--dataset", str(mixed_npz), "--output"]
    assert main([*common, str(other)]) == 2
    assert (
        f"error: --output: {other} holds a study of losses: name another one"
        in capsys.readouterr().err
    )
    assert (other / "study.json").read_bytes() == before
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    assert main([*common, str(run)]) == 2
    assert f"error: --output: {run} holds a run: name another one" in capsys.readouterr().err
    assert not (run / "study.json").exists()


def test_damaged_record_of_a_study_is_refused_by_report(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = Path(shutil.copytree(studies / "runs" / "study-losses", tmp_path / "study"))
    path = study / "study.json"
    path.write_text(path.read_text().replace('"epochs": 5', '"epochs": 6', 1))
    assert main(["report", str(study)]) == 4
    assert f"error: {path}: " in capsys.readouterr().err
