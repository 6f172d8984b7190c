import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import ArtifactError, DatasetError
from untrusted.files import content_of_file, is_there, opened_file, paths_in_directory, require_file


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


KINDS: list[tuple[Callable[[Path], object], str]] = [
    (os.mkfifo, "a named pipe"),
    (make_socket, "a socket"),
    (Path.mkdir, "a directory"),
    (lambda path: path.symlink_to("/dev/zero"), "a device"),
    (lambda path: path.symlink_to("/dev/tty"), "a device|cannot be read: No such device"),
]


@pytest.mark.parametrize(("make", "kind"), KINDS)
def test_what_is_no_regular_file_is_refused_without_waiting(
    make: Callable[[Path], object], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name may have 108 bytes
    make(path := Path("x"))
    for read in (opened_file, require_file):
        with pytest.raises(DatasetError, match=kind):
            read(path, error=DatasetError)
    with pytest.raises(DatasetError, match=kind):
        content_of_file(path, most_bytes=10, error=DatasetError)


def test_missing_file_and_impossible_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        require_file(tmp_path / "x", error=DatasetError)
    with pytest.raises(DatasetError, match="null"):
        require_file(Path("a\0b"), error=DatasetError)


def test_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(DatasetError, match=r"at most 1,000 bytes, found 1,099,511,627,776"):
        content_of_file(path, most_bytes=1000, error=DatasetError)


def test_paths_in_a_directory_are_sorted_and_none_where_nothing_is(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "c.txt"):
        (tmp_path / name).touch()
    found = paths_in_directory(tmp_path, ".json")
    assert found == [tmp_path / "a.json", tmp_path / "b.json"]
    assert paths_in_directory(tmp_path / "none", ".json") == []


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (os.mkfifo, "is a named pipe: wanted a directory"),
        (Path.touch, "is a file: wanted a directory"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_directory_is_told_by_its_kind(
    make: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    make(tmp_path / "x")
    assert is_there(tmp_path / "x")
    with pytest.raises(ArtifactError, match=told):
        paths_in_directory(tmp_path / "x", ".json")


def test_content_and_links_are_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    assert content_of_file(tmp_path / "link", most_bytes=3) == b"abc"
    assert require_file(tmp_path / "x") == 3
    with opened_file(tmp_path / "x") as file:
        assert file.read() == b"abc"
