from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from data import load_dataset
from errors import DatasetError, UnfinishedError


def svhn_arrays(examples: int, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Return `X` and `y` as on the SVHN page: images last, the digit 0 labelled 10."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(examples, dtype=np.uint8) % 10 + 1)[:, np.newaxis]
    return {"X": generator.integers(0, 256, (32, 32, 3, examples), dtype=np.uint8), "y": labels}


def write_mat_pair(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "train_32x32.mat", svhn_arrays(20, seed=1))
    savemat(folder / "test_32x32.mat", svhn_arrays(10, seed=2))


def problem(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        load_dataset(str(folder))
    assert caught.value.subject.startswith(str(folder))
    assert "\n" not in str(caught.value)
    return caught.value.problem


@pytest.mark.parametrize("named", ["", "train_32x32.mat", "test_32x32.mat"])
def test_mat_pair_is_what_scipy_wrote(tmp_path: Path, named: str) -> None:
    write_mat_pair(tmp_path / "House numbers")
    dataset = load_dataset(str(tmp_path / "House numbers" / named))
    assert dataset.name == "house-numbers"
    assert dataset.classes == tuple("0123456789")
    written = svhn_arrays(10, seed=2)
    for index in range(10):
        assert np.array_equal(dataset.test.images[index, 2], written["X"][:, :, 2, index])
    assert dataset.test.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert len(dataset.train) == 20


def test_mat_refused_when_it_is_none_of_the_pair(tmp_path: Path) -> None:
    write_mat_pair(tmp_path)
    savemat(tmp_path / "other.mat", svhn_arrays(3, seed=1))
    assert problem(tmp_path / "other.mat").endswith("found another file")


def test_mat_pair_refused_when_one_is_missing(tmp_path: Path) -> None:
    write_mat_pair(tmp_path)
    (tmp_path / "test_32x32.mat").unlink()
    assert problem(tmp_path).startswith("test_32x32.mat is missing")


def test_mat_refused_when_label_is_no_digit(tmp_path: Path) -> None:
    write_mat_pair(tmp_path)
    arrays = svhn_arrays(10, seed=2)
    arrays["y"][4] = 11
    savemat(tmp_path / "test_32x32.mat", arrays)
    assert problem(tmp_path) == "test: label 11 of example 4 is outside 0..9"


@pytest.mark.parametrize(
    ("key", "shape"),
    [("X", (10, 32, 32, 3)), ("X", (32, 32, 3)), ("y", (1, 9)), ("y", (9, 1)), ("y", (10, 2))],
)
def test_mat_refused_when_shape_is_another(
    tmp_path: Path, key: str, shape: tuple[int, ...]
) -> None:
    write_mat_pair(tmp_path)
    arrays = svhn_arrays(10, seed=2) | {key: np.ones(shape, dtype=np.uint8)}
    savemat(tmp_path / "test_32x32.mat", arrays)
    assert problem(tmp_path).startswith("wanted X [32, 32, 3, N] and y [N, 1], found")


def test_mat_refused_when_a_variable_is_missing(tmp_path: Path) -> None:
    write_mat_pair(tmp_path)
    savemat(tmp_path / "train_32x32.mat", {"X": svhn_arrays(3, seed=1)["X"]})
    assert problem(tmp_path).endswith("found {'X': [32, 32, 3, 3]}")


def test_mat_refused_when_truncated_or_another_format(tmp_path: Path) -> None:
    write_mat_pair(tmp_path)
    path = tmp_path / "train_32x32.mat"
    content = path.read_bytes()
    for damaged in (content[:0], content[:100], content[:3000], content[:-9], b"MATLAB 7.3" * 99):
        path.write_bytes(damaged)
        assert problem(tmp_path).startswith("not a readable MATLAB file: ")


def test_mat_refused_when_its_reader_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mat_pair(tmp_path)
    monkeypatch.setattr("data.mat.READER", "tests.data.hostile_work:crash")
    assert problem(tmp_path) == "not a readable MATLAB file: crashed (SIGSEGV)"


def test_mat_refused_when_it_holds_cells(tmp_path: Path) -> None:
    write_mat_pair(tmp_path)
    cells = np.empty((3, 1), dtype=object)
    cells[:] = "text"
    savemat(tmp_path / "test_32x32.mat", {**svhn_arrays(3, seed=1), "y": cells})
    assert problem(tmp_path) == "y is no array of numbers"


@pytest.mark.parametrize(
    ("work", "seconds", "said"),
    [
        ("hang", 1.5, r"train_32x32\.mat: scipy\.io\.loadmat was not done after 1\.5 seconds$"),
        ("take", 60, r"train_32x32\.mat: scipy\.io\.loadmat wanted more memory than the .* bytes"),
    ],
)
def test_mat_is_unfinished_when_its_reader_takes_too_much(
    work: str, seconds: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mat_pair(tmp_path)
    monkeypatch.setattr("data.mat.READER", f"tests.data.hostile_work:{work}")
    monkeypatch.setattr("data.mat.LEAST_SECONDS", seconds)
    monkeypatch.setattr("data.mat.BYTES_A_SECOND", 1e12)
    with pytest.raises(UnfinishedError, match=said):
        load_dataset(str(tmp_path))
