import hashlib
import os
from pathlib import Path

import pytest

from artifacts.files import CHUNK_BYTES, sha256_of_bytes, sha256_of_file
from errors import ArtifactError

# FIPS 180-4's examples, as `printf abc | sha256sum` gives them too.
KNOWN_SHA256 = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
]


@pytest.mark.parametrize(("content", "digits"), KNOWN_SHA256)
def test_sha256_is_the_standards(tmp_path: Path, content: bytes, digits: str) -> None:
    path = tmp_path / "content"
    path.write_bytes(content)
    assert sha256_of_bytes(content) == sha256_of_file(path) == digits


@pytest.mark.parametrize("size", [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_sha256_of_file_equals_hashlib_at_the_chunks_edge(tmp_path: Path, size: int) -> None:
    path = tmp_path / "content"
    path.write_bytes(b"\x07" * size)
    assert sha256_of_file(path) == hashlib.sha256(b"\x07" * size).hexdigest()


def test_sha256_is_refused_when_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="gone: no such file"):
        sha256_of_file(tmp_path / "gone")


def test_large_file_is_refused_before_it_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "content"
    with path.open("wb") as file:
        file.truncate(8 << 40)  # all holes; to hash it would take hours
    with pytest.raises(ArtifactError, match="wanted at most 3 bytes, found 8,796,093,022,208"):
        sha256_of_file(path, most_bytes=3)


def test_sha256_is_refused_when_it_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ArtifactError, match="wanted a regular file"):
            sha256_of_file(path)
