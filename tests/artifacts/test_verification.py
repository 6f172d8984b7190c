"""Every link of a run's chain, each broken in turn."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts.run_directory import RunDirectory
from artifacts.verification import Link, checked_links
from commands.main import main
from errors import ArtifactError
from untrusted.sealed_json import sealed


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.chdir(tmp_path)
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    assert main(["evaluate", "--run", str(run), "--no-latency"]) == 0
    return RunDirectory(run)


def broken(run: RunDirectory) -> dict[str, str]:
    return {link.name: str(link.detail) for link in checked_links(run) if link.holds is False}


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def test_whole_run_has_all_its_links(run: RunDirectory) -> None:
    links = checked_links(run)
    assert all(link.holds for link in links)
    assert [link.name for link in links] == [
        "recipe.json",
        "weights.safetensors",
        "history.jsonl",
        "model.onnx",
        "reference.npz",
        "evaluations/float32-cpu.json",
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("weights.safetensors", "is not the file that training.json speaks of"),
        ("model.onnx", "is not the file that export.json speaks of"),
        ("reference.npz", "is not the file that export.json speaks of"),
        ("training.json", "not a valid Training"),
        ("export.json", "not a valid Export"),
        ("evaluations/float32-cpu.json", "not a valid Evaluation"),
    ],
)
def test_damaged_file_is_a_broken_link(name: str, told: str, run: RunDirectory) -> None:
    append(run.root / name)
    assert told in broken(run)[Path(name).name]


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx", "reference.npz"])
def test_missing_file_is_a_broken_link(name: str, run: RunDirectory) -> None:
    (run.root / name).unlink()
    assert "no such file" in broken(run)[name]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("recipe.json", "is too large: wanted at most 134,217,728 bytes"),
        ("history.jsonl", "is too large: wanted at most 67,108,864 bytes"),
        ("weights.safetensors", "is not the file that training.json speaks of"),
        ("model.onnx", "is not the file that export.json speaks of"),
        ("reference.npz", "is not the file that export.json speaks of"),
        ("training.json", "is too large"),
        ("evaluations/float32-cpu.json", "is too large"),
    ],
)
def test_file_of_terabytes_is_a_broken_link_at_once(
    name: str, told: str, run: RunDirectory
) -> None:
    with (run.root / name).open("r+b") as file:
        file.truncate(8 << 40)  # all holes; to hash it would take hours
    links = broken(run)
    assert told in links[Path(name).name]
    assert "8,796,093,022,208" in links[Path(name).name]


def test_all_broken_links_are_told_not_the_first_alone(run: RunDirectory) -> None:
    for path in (run.recipe, run.weights, run.reference):
        append(path)
    assert {"recipe.json", "weights.safetensors", "reference.npz"} <= broken(run).keys()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (("model", "onnx_sha256"), "is of another ONNX file"),
        (("reference_sha256",), "is against another reference"),
        (("dataset", "sha256"), "is on another dataset"),
    ],
)
def test_evaluation_of_something_else_is_a_broken_link(
    place: tuple[str, ...], told: str, run: RunDirectory
) -> None:
    path = run.evaluation("float32", "cpu")
    record = json.loads(path.read_text())
    part = record
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = "0" * 64
    path.write_text(json.dumps(sealed(record)))
    assert told in broken(run)["evaluations/float32-cpu.json"]


def test_run_that_was_not_exported_yet_says_so(run: RunDirectory) -> None:
    for path in (run.export, run.onnx("float32"), run.evaluation("float32", "cpu")):
        path.unlink()
    links = {link.name: link for link in checked_links(run)}
    assert links["export"] == Link(name="export", of="run", holds=None, detail="not exported yet")
    assert all(link.holds for name, link in links.items() if name != "export")


def test_what_was_exported_is_a_broken_link_without_its_record(run: RunDirectory) -> None:
    run.export.unlink()
    told = broken(run)
    assert told.keys() == {"model.onnx", "evaluations/float32-cpu.json"}
    assert all("no export.json speaks of it: export again" in detail for detail in told.values())


def test_variant_without_a_record_is_not_checked_and_told(run: RunDirectory) -> None:
    shutil.copy(run.onnx("float32"), run.onnx("int8"))
    links = {link.name: link for link in checked_links(run)}
    assert links["model.int8.onnx"].holds is None
    assert broken(run) == {}


def looping_link(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("evaluations", os.mkfifo, "is a named pipe: wanted a directory"),
        ("evaluations", Path.touch, "is a file: wanted a directory"),
        ("evaluations", looping_link, "cannot be read: Too many levels of symbolic links"),
        ("export.json", os.mkfifo, "is a named pipe: wanted a regular file"),
        ("export.json", Path.mkdir, "is a directory: wanted a regular file"),
        ("training.json", os.mkfifo, "is a named pipe: wanted a regular file"),
        ("training.json", looping_link, "cannot be read: Too many levels of symbolic links"),
    ],
)
def test_what_is_in_the_way_is_a_broken_link_by_its_name(
    name: str,
    make: Callable[[Path], object],
    told: str,
    run: RunDirectory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = run.root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)
    assert told in broken(run)[name]
    for command in ("verify", "report", "compare"):
        if (command, name) != ("compare", "training.json"):  # which is nothing to it
            assert main([command, str(run.root)]) == 4
            assert f"{path}: {told}" in capsys.readouterr().err


def test_directory_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no finished training here"):
        checked_links(RunDirectory(tmp_path))
