from pathlib import Path

import pytest

from data import load_dataset
from data.sources import data_directory, name_from_path
from errors import DatasetError, UsageError
from tests.data.conftest import Arrays, write_npz
from tests.data.test_idx import write_idx_folder
from tests.data.test_mat import write_mat_pair


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("svhn_gray.npz", "svhn-gray"),
        ("My  Data (v1.5).NPZ", "my-data-v1.5"),
        (".hidden.npz", "hidden"),
        ("___.npz", "dataset"),
        ("folder.v2", "folder.v2"),
    ],
)
def test_name_of_a_path_is_a_slug(tmp_path: Path, file_name: str, name: str) -> None:
    (tmp_path / file_name).touch()
    assert name_from_path(tmp_path / file_name) == name


def test_unknown_name_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        load_dataset("mnits")
    assert caught.value.problem.startswith(
        "unknown dataset 'mnits': wanted one of digits, mnist, fashion-mnist, svhn, cifar10, or a"
    )
    assert caught.value.hint == "did you mean 'mnist'?"


@pytest.mark.parametrize("spec", ["", "zzz", "x" * 5000])
def test_unknown_name_refused_without_hint_when_none_is_close(spec: str) -> None:
    with pytest.raises(UsageError, match="unknown dataset") as caught:
        load_dataset(spec)
    assert caught.value.hint is None


@pytest.mark.parametrize("spec", ["missing.npz", "missing.mat", "some/folder"])
def test_path_refused_when_missing(spec: str) -> None:
    with pytest.raises(DatasetError, match="no such file or folder"):
        load_dataset(spec)


def test_known_name_goes_before_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx_folder(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("digits").train) == 1442
    assert len(load_dataset("./digits").train) == 2


def test_path_refused_when_of_no_known_form(tmp_path: Path) -> None:
    (tmp_path / "data.zip").touch()
    with pytest.raises(DatasetError, match=r"wanted an \.npz, .*; found another file"):
        load_dataset(str(tmp_path / "data.zip"))
    with pytest.raises(DatasetError, match="found a folder with none of these"):
        load_dataset(str(tmp_path))


def test_folder_refused_when_two_forms_lie_in_it(tmp_path: Path) -> None:
    write_idx_folder(tmp_path)
    write_mat_pair(tmp_path)
    with pytest.raises(DatasetError, match=r"found a folder with IDX and SVHN \.mat"):
        load_dataset(str(tmp_path))


def test_data_directory_is_the_first_that_is_named(
    tmp_path: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_directory(None) == cache_home / "onnxproof" / "data"
    monkeypatch.setenv("ONNXPROOF_DATA", "")
    assert data_directory(None) == cache_home / "onnxproof" / "data"
    monkeypatch.setenv("ONNXPROOF_DATA", "/from/environment")
    assert data_directory(None) == Path("/from/environment")
    assert data_directory(tmp_path) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_directory(Path("~/sets")) == tmp_path / "sets"


def test_dataset_changes_when_its_source_changes(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "set.npz"
    write_npz(path, arrays)
    before = load_dataset(str(path))
    write_npz(path, {**arrays, "test_images": arrays["test_images"][::-1]})
    assert load_dataset(str(path)).sha256 != before.sha256
