"""What cannot be replaced in a run is told before the work whose result would go there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.main import main

Make = Callable[[Path], object]
TRAIN = ("train", "--model", "mlp", "--epochs", "1", "--dataset", "DATASET")
NO_FILE = "cannot be written: what is there is no regular file"


def device(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("command", "name", "make", "told"),
    [
        (TRAIN, "recipe.json", os.mkfifo, NO_FILE),
        (TRAIN, "history.jsonl", Path.mkdir, NO_FILE),
        (TRAIN, "weights.safetensors", device, NO_FILE),
        (TRAIN, "resume.pt", os.mkfifo, NO_FILE),
        (TRAIN, "training.json", os.mkfifo, NO_FILE),
        (("export",), "model.onnx", os.mkfifo, NO_FILE),
        (("export",), "reference.npz", device, NO_FILE),
        (("export",), "export.json", Path.mkdir, NO_FILE),
        (("export", "--precision", "int8"), "model.int8.onnx", os.mkfifo, NO_FILE),
        (("evaluate",), "evaluations", os.mkfifo, "cannot be written: Not a directory"),
        (("evaluate",), "evaluations/float32-cpu.json", os.mkfifo, NO_FILE),
    ],
)
def test_what_is_in_the_way_is_exit_5_by_its_name_before_the_work(
    command: tuple[str, ...],
    name: str,
    make: Make,
    told: str,
    evaluated_run: Path,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Path(shutil.copytree(evaluated_run, tmp_path / "run"))
    path = run / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)
    before = {one: one.lstat().st_mtime_ns for one in run.rglob("*")}
    for module in ("trainers.train.train", "export.export.export", "evaluate.evaluation.evaluate"):
        monkeypatch.setattr(module, _begun)
    words = [{"DATASET": str(tiny_npz)}.get(word, word) for word in command]
    assert main([*words, "--run", str(run)]) == 5
    errors = capsys.readouterr().err
    assert f"error: {path}" in errors
    assert told in errors
    assert {one: one.lstat().st_mtime_ns for one in run.rglob("*")} == before


def _begun(*_: object, **__: object) -> None:
    raise AssertionError("the work was begun")


def test_page_that_cannot_be_written_is_told_before_it_is_drawn(
    evaluated_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.mkfifo(tmp_path / "page.html")
    monkeypatch.setattr("report.contents.contents_of", _begun)
    assert main(["report", str(evaluated_run), "--output", str(tmp_path / "page.html")]) == 5
    assert f"page.html: {NO_FILE}" in capsys.readouterr().err
