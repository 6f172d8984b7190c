import dataclasses
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from artifacts.files import sha256_of_file
from artifacts.logits import ReferenceLogits, Tolerance, load_reference, save_reference
from errors import ArtifactError
from tests.artifacts.conftest import reference_logits

OPEN_FILES = Path("/proc/self/fd")
REFERENCE = reference_logits("c" * 64)
LOGITS = arrays(np.float64, 20, elements=st.floats(-1e3, 1e3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "reference.npz"
    save_reference(path, REFERENCE)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        load_reference(path)
    assert caught.value.subject == str(path)
    return caught.value.problem


def save_arrays(path: Path, **changed: NDArray[np.generic]) -> None:
    """Write REFERENCE with some arrays replaced, as someone else's program might."""
    fields: dict[str, NDArray[np.generic]] = {
        "float32": REFERENCE.float32_NK,
        "float64": REFERENCE.float64_NK,
        "dataset_sha256": np.array(REFERENCE.dataset_sha256),
        "split_sha256": np.array(REFERENCE.split_sha256),
        "checkpoint_sha256": np.array(REFERENCE.checkpoint_sha256),
    }
    with path.open("wb") as file:
        np.savez(file, allow_pickle=True, **(fields | changed))


def test_reference_comes_back_as_it_was_saved(path: Path) -> None:
    assert save_reference(path, REFERENCE) == sha256_of_file(path)
    loaded = load_reference(path)
    for field in dataclasses.fields(ReferenceLogits):
        was, now = getattr(REFERENCE, field.name), getattr(loaded, field.name)
        assert np.array_equal(was, now)
        assert np.asarray(was).dtype == np.asarray(now).dtype


def test_reference_is_a_plain_npz_that_numpy_reads(path: Path) -> None:
    with np.load(path) as found:
        assert set(found) == {
            "float32",
            "float64",
            "dataset_sha256",
            "split_sha256",
            "checkpoint_sha256",
        }
        assert np.array_equal(found["float64"], REFERENCE.float64_NK)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.25, 0.5, 0.9, 0.999])
def test_truncated_reference_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert refusal(path).startswith("not a readable .npz file: ")


def test_reference_is_refused_when_a_byte_of_the_logits_changed(path: Path) -> None:
    content = path.read_bytes()
    where = content.index(REFERENCE.float64_NK.tobytes())
    path.write_bytes(content[:where] + bytes([content[where] ^ 1]) + content[where + 1 :])
    assert "CRC" in refusal(path)


def test_missing_reference_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.npz")


def test_reference_without_an_array_is_refused_by_its_name(path: Path) -> None:
    with zipfile.ZipFile(path) as whole:
        kept = {name: whole.read(name) for name in whole.namelist() if name != "float64.npy"}
    with zipfile.ZipFile(path, "w") as partial:
        for name, content in kept.items():
            partial.writestr(name, content)
    assert "float64" in refusal(path)


def test_pickled_objects_are_refused_and_not_run(path: Path) -> None:
    save_arrays(path, float32=np.array([[{"a": 1}]], dtype=object))
    assert "wanted one of numbers or text: no objects" in refusal(path)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("float32", REFERENCE.float64_NK),
        ("float64", REFERENCE.float32_NK),
        ("float32", REFERENCE.float32_NK.astype(">f4")),
        ("float32", REFERENCE.float32_NK[0]),
        ("float64", REFERENCE.float64_NK[:4]),
        ("float64", REFERENCE.float64_NK[0]),
    ],
)
def test_array_of_another_dtype_or_shape_is_refused_with_what_was_found(
    path: Path, name: str, wrong: NDArray[np.generic]
) -> None:
    save_arrays(path, **{name: wrong})
    assert str(wrong.shape) in refusal(path)


def is_open(path: Path) -> bool:
    return path.resolve() in {file.resolve() for file in OPEN_FILES.iterdir()}


def test_truncated_reference_is_not_left_open(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with path.open("rb"):
        assert is_open(path)
    with pytest.raises(ArtifactError) as caught:
        load_reference(path)
    assert not is_open(path), caught.value


def test_npy_file_in_the_references_place_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, REFERENCE.float32_NK)
    assert "holds one array, wanted float32, float64" in refusal(path)


@pytest.mark.parametrize(("offset", "value"), [(6, 210), (8, 1)])  # version needed; encrypted
def test_reference_is_refused_when_its_zip_directory_is_damaged(
    path: Path, offset: int, value: int
) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + offset] = value
    path.write_bytes(content)
    assert refusal(path).startswith("not a readable .npz file: ")


@given(LOGITS, LOGITS, st.floats(0, 10), st.floats(0, 1))
def test_allowed_difference_is_the_one_of_numpy_isclose(
    candidate: NDArray[np.float64], reference: NDArray[np.float64], atol: float, rtol: float
) -> None:
    tolerance = Tolerance(name="some", atol=atol, rtol=rtol)
    within = np.abs(candidate - reference) <= tolerance.allowed(reference)
    assert np.array_equal(within, np.isclose(candidate, reference, atol=atol, rtol=rtol))


def test_allowed_difference_is_of_the_reference_and_computed_in_float64() -> None:
    allowed = Tolerance(name="some", atol=0.25, rtol=0.5).allowed(np.array([-2, 0, 1], np.float32))
    assert allowed.dtype == np.float64
    assert allowed.tolist() == [1.25, 0.25, 0.75]


def test_hash_that_is_no_text_is_refused(path: Path) -> None:
    beyond_unicode = np.full(64, 0xFFFFFFFF, np.uint32).view("<U64")[0:1].reshape(())
    for wrong in (beyond_unicode, np.array(7), np.array(["c" * 64, "d" * 64])):
        save_arrays(path, split_sha256=wrong)
        assert "wanted a sha256 for each of dataset_sha256, split_sha256" in refusal(path)


def test_named_pipe_in_the_references_place_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "reference.npz")  # opening it would wait for ever
    assert "is a named pipe" in refusal(tmp_path / "reference.npz")
