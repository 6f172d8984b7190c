import os
import shutil
from pathlib import Path

import pytest

from artifacts.run_directory import (
    RunDirectory,
    default_run,
    is_file_of_a_run,
    last_run,
    remember_last_run,
)
from errors import ArtifactError

RUN = RunDirectory(Path("runs/digits-lenet5"))


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (RUN.recipe, "recipe.json"),
        (RUN.history, "history.jsonl"),
        (RUN.weights, "weights.safetensors"),
        (RUN.resume, "resume.pt"),
        (RUN.training, "training.json"),
        (RUN.export, "export.json"),
        (RUN.reference, "reference.npz"),
        (RUN.onnx("float32"), "model.onnx"),
        (RUN.onnx("fp16"), "model.fp16.onnx"),
        (RUN.onnx("int8"), "model.int8.onnx"),
        (RUN.evaluation("float32", "cpu"), "evaluations/float32-cpu.json"),
        (RUN.evaluation("int8", "cuda"), "evaluations/int8-cuda.json"),
    ],
)
def test_path_is_the_contracts(path: Path, wanted: str) -> None:
    assert path == Path("runs/digits-lenet5") / wanted


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/recipe.json", True),
        ("history.jsonl", True),
        ("a/resume.pt", True),
        ("a/reference.npz", True),
        ("a/../export.json", True),
        ("a/model.onnx", True),
        ("a/model.int8-dynamic.onnx", True),
        ("a/model.onnx.data", True),
        ("a/evaluations/float32-cpu.json", True),
        ("a/report.html", False),
        ("a/pareto.svg", False),
        ("a/evaluations/plot.svg", False),
        ("other.onnx", False),
        ("page.json", False),
    ],
)
def test_files_of_a_run_are_known_by_their_places(path: str, expected: bool) -> None:
    assert is_file_of_a_run(Path(path)) is expected


def test_place_among_evaluations_is_known_from_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("evaluations").mkdir()
    monkeypatch.chdir("evaluations")
    assert is_file_of_a_run(Path("float32-cpu.json"))


def test_naming_paths_touches_no_disk(working_directory: Path) -> None:
    assert not RUN.evaluation("float32", "cpu").exists()
    assert list(working_directory.iterdir()) == []


@pytest.mark.parametrize(
    ("dataset", "directory"),
    [
        ("digits", "digits-mlp"),
        ("fashion-mnist", "fashion-mnist-mlp"),
        ("My set (v1.2)", "My-set-v1.2--mlp"),
        ("../../etc", "..-..-etc-mlp"),
        ("a/b", "a-b-mlp"),
    ],
)
def test_default_run_is_one_directory_under_runs(dataset: str, directory: str) -> None:
    root = default_run(dataset, "mlp").root
    assert root == Path("runs") / directory
    assert root.resolve().parent == Path("runs").resolve()


def test_last_run_is_refused_when_there_was_none() -> None:
    with pytest.raises(ArtifactError, match="runs: no run was trained here yet") as caught:
        last_run()
    assert "cli.py train" in str(caught.value.hint)


def test_last_run_is_the_one_remembered_last(working_directory: Path) -> None:
    for name in ("first", "second run"):
        run = default_run(name, "mlp")
        run.root.mkdir(parents=True)
        remember_last_run(run)
        assert last_run().root == working_directory / run.root


def test_last_run_is_found_when_it_lies_elsewhere(working_directory: Path) -> None:
    elsewhere = RunDirectory(Path("else where\u2009é"))
    elsewhere.root.mkdir()
    remember_last_run(elsewhere)
    assert last_run().root == working_directory / elsewhere.root


def test_last_run_is_refused_by_name_when_it_is_gone() -> None:
    RUN.root.mkdir(parents=True)
    remember_last_run(RUN)
    shutil.rmtree(RUN.root)
    with pytest.raises(ArtifactError, match="digits-lenet5: the run that was trained last is gone"):
        last_run()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n"])
def test_last_run_is_refused_when_the_note_of_it_is_damaged(content: bytes) -> None:
    Path("runs").mkdir()
    Path("runs/last-run.txt").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"last-run\.txt: does not name a run"):
        last_run()


def test_last_run_is_refused_when_the_note_of_it_is_no_file() -> None:
    Path("runs").mkdir()
    os.mkfifo("runs/last-run.txt")
    with pytest.raises(ArtifactError, match=r"last-run\.txt: is a named pipe: wanted a regular"):
        last_run()


def test_half_written_evaluation_of_a_killed_process_is_no_record(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.evaluation_records() == []
    run.evaluations.mkdir()
    for name in (".onnxproof-5n6i84k8.json", "int8-cpu.json", "float32-cpu.json", "notes.txt"):
        (run.evaluations / name).touch()
    names = [path.name for path in run.evaluation_records()]
    assert names == ["float32-cpu.json", "int8-cpu.json"]
