import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from errors import DatasetError, UnfinishedError
from untrusted.npz import arrays_from_npz

MOON = 10**13


def npy(shape: tuple[int, ...], content: bytes) -> bytes:
    """Return an array of uint8 whose header promises this shape, whatever follows."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def problem(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        arrays_from_npz(path, ["a"], error=DatasetError)
    assert caught.value.subject == str(path)
    assert "\n" not in str(caught.value)
    return caught.value.problem


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_what_numpy_wrote_and_only_the_wanted_ones(
    tmp_path: Path, save: Callable[..., None]
) -> None:
    arrays = {
        "a": np.arange(3_000_000, dtype=np.uint8).reshape(3, 1000, 1000),
        "b": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "c": np.array(["x", "yz"]),
        "d": np.zeros((0, 2)),
        "e": np.array({"x": 1}),  # an object: not opened, so not refused
    }
    save(tmp_path / "x.npz", **arrays)
    found = arrays_from_npz(tmp_path / "x.npz", ["a", "b"], optional=["c", "d", "gone"])
    assert list(found) == ["a", "b", "c", "d"]
    for name, array in found.items():
        assert np.array_equal(array, arrays[name])
        assert array.dtype == arrays[name].dtype
    assert found["b"].flags.f_contiguous


def test_missing_array_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", c=1, b=2)
    assert problem(tmp_path / "x.npz") == "lacks a: found b, c"
    np.savez(tmp_path / "x.npz")
    assert problem(tmp_path / "x.npz") == "lacks a: found no array"


def write(path: Path, members: list[tuple[str, bytes]], compression: int = 0) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("shape", [(MOON, 28), (99,), (101,), (2**62, 0), (2**64, 2**64)])
def test_header_that_promises_another_size_is_refused(
    tmp_path: Path, shape: tuple[int, ...], compression: int
) -> None:
    write(tmp_path / "x.npz", [("a.npy", npy(shape, bytes(100)))], compression)
    assert "its header promises" in problem(tmp_path / "x.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")  # of zipfile, which writes it
def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.npz", [("a.npy", npy((1,), b"1")), ("a.npy", npy((1,), b"2"))])
    assert problem(tmp_path / "x.npz").endswith("has two arrays 'a'")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(tmp_path: Path, compression: int) -> None:
    write(tmp_path / "x.npz", [("a.npy", npy((1,), b"1"))], compression)
    assert problem(tmp_path / "x.npz").endswith("'a' is neither stored nor deflated")


def patched(content: bytes, offset_in_entry: int, number: int, width: int = 4) -> bytes:
    """Return an archive with a number of its first directory entry changed."""
    place = content.index(b"PK\1\2") + offset_in_entry
    return content[:place] + number.to_bytes(width, "little") + content[place + width :]


def test_member_that_promises_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        write(path, [("a.npy", npy((100,), bytes(100)))], compression)
        path.write_bytes(patched(path.read_bytes(), 24, 2**32 - 2))
        assert "promises 4,294,967,294 bytes: " in problem(path)


def test_members_in_one_place_are_refused(tmp_path: Path) -> None:
    # As in the archives that unpack to petabytes: every entry names the same bytes.
    path = tmp_path / "x.npz"
    write(path, [("a.npy", npy((100,), bytes(100))), ("b.npy", npy((100,), bytes(100)))])
    content = path.read_bytes()
    second = content.rindex(b"PK\1\2")
    path.write_bytes(content[: second + 42] + bytes(4) + content[second + 46 :])
    assert problem(path).endswith("overlaps what follows it")


def test_member_that_is_named_in_two_ways_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=1, classes=np.array(["cat"]))
    content = path.read_bytes()
    place = content.rindex(b"classes.npy")
    path.write_bytes(content[:place] + b"glasses.npy" + content[place + 11 :])
    assert "differ" in problem(path)


def test_member_that_a_comment_swallowed_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=1, classes=np.array(["cat"]))
    second = path.read_bytes().rindex(b"PK\1\2")
    entry_bytes = 46 + len("classes.npy")
    path.write_bytes(patched(path.read_bytes(), 32, entry_bytes, width=2))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a.npy"]
    assert second + entry_bytes + 22 == path.stat().st_size
    assert problem(path).endswith("does not list as many members as it says")


def test_archive_that_ends_with_a_comment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=1)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hello"
    assert problem(path).endswith("ends with a comment, wanted none")


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write(path, [("a.npy", npy((1,), b"1"))])
    path.write_bytes(patched(path.read_bytes(), 8, 1, width=2))
    assert problem(path).endswith("'a' is encrypted")


def test_changed_value_is_refused_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.full(100, 7, dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\7" * 100, b"\7" * 99 + b"\6"))
    assert "Bad CRC-32" in problem(path)


def test_what_honestly_takes_too_much_memory_is_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(600, np.uint8), b=np.zeros(50, np.int64))
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 999)
    assert len(arrays_from_npz(tmp_path / "x.npz", ["a"])["a"]) == 600
    with pytest.raises(UnfinishedError, match=r"takes 1,000 bytes of memory, 999 are free"):
        arrays_from_npz(tmp_path / "x.npz", ["a", "b"])


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    os.mkfifo(path)
    assert problem(path) == "is a named pipe: wanted a regular file"
    path.unlink()
    np.save(stream := io.BytesIO(), np.zeros(3))
    path.write_bytes(stream.getvalue())
    assert problem(path) == "holds one array, wanted a"
    path.write_bytes(b"no archive")
    assert problem(path) == "not a readable .npz file: File is not a zip file"
