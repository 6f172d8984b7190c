import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from errors import UnfinishedError
from storage.space import free_space_bytes, require_space

Usage = namedtuple("Usage", ["total", "used", "free"])


def test_what_is_wanted_and_what_is_free_are_told(tmp_path: Path) -> None:
    place = tmp_path / "runs" / "new"  # which is not there yet
    free_bytes = free_space_bytes(place)
    assert free_bytes is not None
    assert abs(free_bytes - shutil.disk_usage(tmp_path).free) < 1 << 30
    require_space(place, 1, "it")
    with pytest.raises(UnfinishedError, match=r"new: it takes about .* bytes there, .* are free"):
        require_space(place, 1 << 62, "it")


def test_one_byte_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(200, 100, 100))
    require_space(tmp_path, 100, "it")
    with pytest.raises(UnfinishedError, match="it takes about 101 bytes there, 100 are free"):
        require_space(tmp_path, 101, "it")


def test_file_system_without_a_size_is_not_believed_to_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 0))
    require_space(tmp_path, 1 << 62, "it")
