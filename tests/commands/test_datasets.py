"""`datasets`: what is here, what was prepared, and preparing it; never a download unasked."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from commands.main import main
from data import load_dataset
from data.known_files import KnownFile
from tests.data.conftest import Arrays, arrays, cache_home, npz_path
from tests.data.test_idx import write_idx_folder
from untrusted import downloads

__all__ = ["arrays", "cache_home", "npz_path"]  # fixtures
Capture = pytest.CaptureFixture[str]


def listed(capsys: Capture, *options: str) -> Any:
    capsys.readouterr()
    assert main(["datasets", *options, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def by_name(document: Any) -> dict[str, Any]:
    return {dataset["name"]: dataset for dataset in document["datasets"]}


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(url: str, *_: object) -> None:
        raise AssertionError(f"{url} was to be downloaded")

    monkeypatch.setattr(downloads, "download", refused)


@pytest.mark.usefixtures("no_download")
def test_datasets_that_are_not_here_are_listed_and_not_downloaded(
    capsys: Capture, cache_home: Path
) -> None:
    document = listed(capsys)
    assert list(by_name(document)) == ["digits", "mnist", "fashion-mnist", "svhn", "cifar10"]
    assert by_name(document)["digits"]["state"] == "embedded"
    missing = {"state": "missing", "directory": None, "bytes": None, "prepared": None}
    assert by_name(document)["mnist"] == {"name": "mnist", **missing}
    assert document["others"] == document["done"] == []
    assert document["data_dir"] == str(cache_home / "onnxproof" / "data")
    assert document["cache_dir"] == str(cache_home / "onnxproof" / "prepared")
    assert not cache_home.exists()
    assert main(["datasets"]) == 0
    assert "mnist          not here; --prepare mnist downloads it" in capsys.readouterr().out


def test_files_that_are_here_are_told_with_their_size(
    capsys: Capture, tmp_path: Path, cache_home: Path
) -> None:
    raw = tmp_path / "sets" / "MNIST" / "raw"
    write_idx_folder(raw)
    document = listed(capsys, "--data-dir", str(tmp_path / "sets"))
    size = sum(path.stat().st_size for path in raw.iterdir())
    mnist = by_name(document)["mnist"]
    assert (mnist["state"], mnist["directory"], mnist["bytes"]) == ("downloaded", str(raw), size)
    assert mnist["prepared"] is None
    load_dataset("mnist", data_dir=tmp_path / "sets")
    prepared = by_name(listed(capsys, "--data-dir", str(tmp_path / "sets")))["mnist"]["prepared"]
    assert prepared["examples"] == {"train": 2, "test": 2}
    directory = Path(prepared["directory"])
    assert directory.parent == cache_home / "onnxproof" / "prepared"
    assert prepared["bytes"] == sum(path.stat().st_size for path in directory.iterdir())
    assert listed(capsys)["others"] == [prepared]  # of another directory than the default one
    assert main(["datasets", "--data-dir", str(tmp_path / "sets")]) == 0
    assert f"in {raw}; prepared: 2 to train and 2 to test, grey" in capsys.readouterr().out


def test_prepare_reads_and_keeps_what_is_named(
    capsys: Capture, npz_path: Path, arrays: Arrays, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for index in range(3):
        Image.new("RGB", (4 + index, 6)).save(tmp_path / "photos" / f"{index}.png")
    given = ["--prepare", "digits", "--prepare", str(npz_path)]
    given += ["--prepare", str(tmp_path / "photos"), "--image-size", "8x9"]
    document = listed(capsys, *given)
    digits, small, photos = document["done"]
    assert digits["image_shape"] == [1, 8, 9]
    assert (small["name"], small["examples"]) == ("small-set", {"train": 12, "test": 6})
    assert (photos["name"], photos["examples"]) == ("photos", {"test": 3})
    for done in document["done"]:
        assert done["prepared"]
        assert not done["downloaded"]
        assert (Path(done["directory"]) / "dataset.json").is_file()
    assert {entry["name"] for entry in document["others"]} == {"digits", "small-set", "photos"}
    assert [done["prepared"] for done in listed(capsys, *given)["done"]] == [False] * 3
    assert main(["datasets", *given]) == 0
    out = capsys.readouterr().out
    assert "photos     3 without labels, 3 channels, 8x9" in out
    assert "was prepared already: 1,442 to train and 355 to test, grey, 8x9" in out


def test_prepare_makes_a_damaged_entry_anew(capsys: Capture, npz_path: Path) -> None:
    (done,) = listed(capsys, "--prepare", str(npz_path))["done"]
    (Path(done["directory"]) / "train_images.npy").write_bytes(b"")
    (again,) = listed(capsys, "--prepare", str(npz_path))["done"]
    assert again["sha256"] == done["sha256"]
    assert (Path(done["directory"]) / "train_images.npy").stat().st_size > 0


def test_damaged_entry_is_listed_and_left_alone(capsys: Capture, npz_path: Path) -> None:
    (done,) = listed(capsys, "--prepare", str(npz_path))["done"]
    record = Path(done["directory"]) / "dataset.json"
    record.write_text("{}")
    (entry,) = listed(capsys)["others"]
    assert entry["name"] is None
    assert entry["damage"].startswith("dataset.json: ")
    assert record.read_text() == "{}"
    assert main(["datasets"]) == 0
    assert "(damaged)" in capsys.readouterr().out


def test_prepare_downloads_what_is_missing(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "elsewhere"
    write_idx_folder(source / "MNIST" / "raw", compressed=True)

    def download(url: str, path: Path, _: int) -> None:
        shutil.copyfile(source / "MNIST" / "raw" / url.rpartition("/")[2], path)

    monkeypatch.setattr(downloads, "download", download)
    monkeypatch.setattr(KnownFile, "difference", lambda *_: None)
    (done,) = listed(capsys, "--prepare", "mnist", "--data-dir", str(tmp_path / "sets"))["done"]
    assert done["downloaded"]
    assert done["prepared"]
    assert (tmp_path / "sets" / "MNIST" / "raw").is_dir()


def test_prepare_says_so_when_the_cache_cannot_be_written(
    capsys: Capture, npz_path: Path, cache_home: Path
) -> None:
    cache_home.write_text("a file where a directory should be")
    (done,) = listed(capsys, "--prepare", str(npz_path))["done"]
    assert (done["directory"], done["examples"]["test"]) == (None, 6)
    assert main(["datasets", "--prepare", str(npz_path)]) == 0
    assert "read, but the cache cannot be written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--image-size", "32"], 2, "error: --image-size: wants --prepare"),
        (["--prepare", "mnits"], 2, "error: --prepare: unknown dataset 'mnits'"),
        (["--prepare", "gone.npz"], 4, "error: gone.npz: no such file or folder"),
    ],
)
def test_what_cannot_be_prepared_is_refused_by_name(
    capsys: Capture, cache_home: Path, options: list[str], code: int, line: str
) -> None:
    assert main(["datasets", *options]) == code
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.out == ""
    assert not cache_home.exists()


@pytest.mark.parametrize("value", ["0", "8193", "32x", "x32", "axb", "3.5", "-4", "1x2x3", "", "²"])
def test_image_size_refused_when_it_is_none(capsys: Capture, value: str) -> None:
    assert main(["datasets", "--prepare", "digits", "--image-size", value]) == 2
    assert "error: --image-size: wanted N or HEIGHTxWIDTH, each from 1" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "shape"), [("12", [12, 12]), ("12X7", [12, 7]), ("1x9", [1, 9])])
def test_image_size_is_height_by_width(
    capsys: Capture, npz_path: Path, value: str, shape: list[int]
) -> None:
    (done,) = listed(capsys, "--prepare", str(npz_path), "--image-size", value)["done"]
    assert done["image_shape"][1:] == shape
    images = np.load(Path(done["directory"]) / "test_images.npy")
    assert list(images.shape[2:]) == shape
