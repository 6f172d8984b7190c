import zipfile
from pathlib import Path

import pytest
import torch

from trainers.sealed_archive import is_sealed, seal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.save({"weight": torch.arange(5.0)}, tmp_path / "state.pt")
    return tmp_path / "state.pt"


def test_sealed_archive_is_read_as_before(path: Path) -> None:
    assert not is_sealed(path)
    seal(path)
    assert is_sealed(path)
    assert torch.equal(torch.load(path, weights_only=True)["weight"], torch.arange(5.0))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert len(archive.comment) == 64


def test_changed_byte_is_noticed_wherever_it_is(path: Path) -> None:
    seal(path)
    whole = path.read_bytes()
    for place in (*range(0, len(whole), 7), *range(len(whole) - 70, len(whole))):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert not is_sealed(path), place


@pytest.mark.parametrize("kept", [0, 1, 65, 66, 67, -1])
def test_archive_that_is_cut_off_is_not_sealed(kept: int, path: Path) -> None:
    seal(path)
    path.write_bytes(path.read_bytes()[:kept])
    assert not is_sealed(path)


def test_archive_that_grew_is_not_sealed(path: Path) -> None:
    seal(path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert not is_sealed(path)
