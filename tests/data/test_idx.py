import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data import load_dataset
from data.idx import STEMS, read_idx
from errors import DatasetError, UnfinishedError

PIXELS = bytes(range(2 * 3 * 4))
IMAGES = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 4) + PIXELS
LABELS = struct.pack(">BBBBI", 0, 0, 8, 1, 2) + bytes([1, 0])


def write_idx_folder(folder: Path, *, compressed: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stem in STEMS:
        content = IMAGES if "images" in stem else LABELS
        if compressed:
            (folder / f"{stem}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / stem).write_bytes(content)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def problem(path: Path, dimensions: int = 3) -> str:
    with pytest.raises(DatasetError) as caught:
        read_idx(path, dimensions=dimensions)
    assert caught.value.subject == str(path)
    return caught.value.problem


@pytest.mark.parametrize("compressed", [False, True])
def test_idx_folder_is_what_struct_wrote(tmp_path: Path, compressed: bool) -> None:
    write_idx_folder(tmp_path / "My digits", compressed=compressed)
    dataset = load_dataset(str(tmp_path / "My digits"))
    assert dataset.name == "my-digits"
    assert dataset.train.images.shape == (2, 1, 3, 4)
    assert dataset.train.images.tobytes() == PIXELS
    assert dataset.test.images[1, 0, 2, 3] == 23
    assert dataset.test.labels.tolist() == [1, 0]


def test_idx_folder_prefers_compressed_files_when_both_are_there(tmp_path: Path) -> None:
    write_idx_folder(tmp_path, compressed=True)
    (tmp_path / STEMS[0]).write_bytes(b"no idx")
    assert len(load_dataset(str(tmp_path)).train) == 2


def test_idx_folder_refused_when_a_file_is_missing(tmp_path: Path) -> None:
    write_idx_folder(tmp_path)
    (tmp_path / STEMS[3]).unlink()
    with pytest.raises(DatasetError, match=f"has neither {STEMS[3]}.gz nor {STEMS[3]}"):
        load_dataset(str(tmp_path))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(IMAGES) - 1))
def test_idx_refused_when_truncated_at_any_byte(tmp_path: Path, length: int) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(IMAGES[:length])
    problem(plain)
    inner = tmp_path / "inner.gz"
    inner.write_bytes(gzip.compress(IMAGES[:length]))
    problem(inner)


def test_idx_refused_when_gzip_is_truncated_at_any_byte(tmp_path: Path) -> None:
    compressed = gzip.compress(IMAGES)
    path = tmp_path / "outer.gz"
    for length in range(len(compressed)):
        path.write_bytes(compressed[:length])
        problem(path)


def test_idx_refused_when_gzip_is_damaged(tmp_path: Path) -> None:
    compressed = bytearray(gzip.compress(IMAGES))
    compressed[-5] ^= 1  # in the CRC
    path = tmp_path / "damaged.gz"
    path.write_bytes(compressed)
    assert "CRC" in problem(path)


@pytest.mark.parametrize("name", ["plain", "compressed.gz"])
def test_idx_refused_when_bytes_follow(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(IMAGES + b"!") if name.endswith(".gz") else IMAGES + b"!")
    assert problem(path) == "its header promises 24 bytes, but more follow"


@pytest.mark.parametrize("name", ["plain", "compressed.gz"])
def test_idx_refused_when_header_promises_the_moon(tmp_path: Path, name: str) -> None:
    moon = struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + PIXELS
    path = tmp_path / name
    path.write_bytes(gzip.compress(moon) if name.endswith(".gz") else moon)
    most = path.stat().st_size * (1032 if name.endswith(".gz") else 1)
    assert problem(path) == (
        f"its header promises {(2**32 - 1) ** 3} bytes, at most {most} fit into it"
    )


@pytest.mark.parametrize(
    "magic", [b"\0\0\x08\x01", b"\0\0\x0d\x03", b"\x1f\x8b\x08\x00", b"\0\1\x08\x03", b"\0\0"]
)
def test_idx_refused_when_magic_is_another(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(magic + IMAGES[4:] if len(magic) == 4 else magic)
    assert problem(path).startswith(f"starts with {magic.hex(' ')}, wanted 00 00 08 03")


def test_idx_refused_when_not_gzip(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(IMAGES)
    assert "Not a gzipped file" in problem(path)


def test_idx_refused_when_missing(tmp_path: Path) -> None:
    assert "no such file" in problem(tmp_path / "missing")


@pytest.mark.parametrize("name", ["plain", "compressed.gz"])
def test_idx_is_unfinished_before_memory_is_taken_that_is_not_there(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(IMAGES) if name.endswith(".gz") else IMAGES)
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 23)
    told = rf"{name}: what it holds takes 24 bytes of memory, 23 are free$"
    with pytest.raises(UnfinishedError, match=told):
        read_idx(path, dimensions=3)


def test_idx_refused_before_memory_is_taken_for_a_promise(tmp_path: Path) -> None:
    # 10^10 images; the file is sparse and of a size that would hold a millionth of them.
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, 10**9, 28, 28))
        file.truncate(10**6)
    tracemalloc.start()
    assert problem(path).startswith("its header promises 784000000000 bytes, at most 1000000 fit")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
