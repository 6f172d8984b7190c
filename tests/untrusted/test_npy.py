import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from errors import DatasetError
from untrusted.npy import MAGIC, MOST_HEADER_BYTES, ArrayHeader, array_header, mapped_array

ARRAYS: list[NDArray[np.generic]] = [
    np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    np.array(["a", "ü"]),
    np.float32(2.5) * np.ones(()),
    np.zeros((0, 3), dtype=">i4"),
    np.array([True, False]),
]


def written(array: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header_of(text: str, *, length: int | None = None) -> ArrayHeader:
    size = len(text) if length is None else length
    return array_header(io.BytesIO(MAGIC + size.to_bytes(2, "little") + text.encode("latin1")))


@pytest.mark.parametrize("array", ARRAYS)
def test_header_is_what_numpy_wrote(array: NDArray[np.generic]) -> None:
    content = written(array)
    header = array_header(io.BytesIO(content))
    assert (header.dtype, header.shape) == (array.dtype, array.shape)
    assert header.size_bytes + header.content_bytes == len(content)
    assert header.order == ("F" if not array.flags.c_contiguous else "C")


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{'shape': (2, 3), 'fortran_order': False, 'descr': '|u1'}",
        "{'descr':'|u1','fortran_order':False,'shape':(2L,3L)}",  # numpy of Python 2
    ],
)
def test_header_of_other_writers_is_read(text: str) -> None:
    assert (header_of(text).shape, header_of(text).content_bytes) == ((2, 3), 6)


WHOLE = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        WHOLE.replace("|u1", "|O"),
        WHOLE.replace("|u1", "<u3"),
        WHOLE.replace("|u1", "<U999999999"),
        WHOLE.replace("|u1", "|S0"),  # any number of values would fit into no bytes
        WHOLE.replace("|u1", "<m8[s]"),
        WHOLE.replace("'|u1'", "[('a', '<i4')]"),
        WHOLE.replace("2", "-2"),
        WHOLE.replace("(2, 3)", "(2 3)"),
        WHOLE.replace("False", "0"),
        WHOLE.replace("'shape': (2, 3)", "'descr': '|u1'"),
        WHOLE.replace("(2, 3)", "(__import__('os').abort(),)"),
        WHOLE.replace("(2, 3)", "(" * 1000 + "2" + ")" * 1000),
        WHOLE + "x",
        "{" + " " * 4000,
    ],
)
def test_header_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an array's "):
        header_of(text)


def test_header_is_not_read_when_it_is_too_long_or_cut_off() -> None:
    with pytest.raises(ValueError, match="has 65535 bytes"):
        header_of(WHOLE, length=65535)
    with pytest.raises(ValueError, match="wanted one of numbers"):
        header_of(WHOLE, length=len(WHOLE) + 1)
    with pytest.raises(ValueError, match="starts with"):
        array_header(io.BytesIO(b"\x93NUMPY\x02\x00"))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}'descrfotan_hp: |<u1O,()0123456789TrueFalse \n", max_size=80))
def test_header_of_any_text_is_read_or_refused(text: str) -> None:
    try:
        header_of(text)
    except ValueError:
        return
    assert len(text) <= MOST_HEADER_BYTES


def test_map_is_the_array_and_read_only(tmp_path: Path) -> None:
    for array in (*ARRAYS[:3], ARRAYS[5]):
        (path := tmp_path / "a.npy").write_bytes(written(array))
        found = mapped_array(path)
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable
        assert np.array_equal(found, array)
        assert found.dtype == array.dtype


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: b"PK" + c])
def test_map_is_refused_when_the_file_is_not_what_its_header_says(
    change: "object", tmp_path: Path
) -> None:
    assert callable(change)
    (path := tmp_path / "a.npy").write_bytes(change(written(ARRAYS[0])))
    with pytest.raises(DatasetError, match=r"a\.npy: not a readable \.npy file: "):
        mapped_array(path, error=DatasetError)


def test_map_of_a_named_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(DatasetError, match="is a named pipe"):
        mapped_array(tmp_path / "a.npy", error=DatasetError)
