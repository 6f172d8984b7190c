"""What the tests of `data` share: a cache of their own, and small datasets to write."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.generic]]


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the user's cache at an empty directory, and nothing at real data."""
    home = tmp_path / "cache-home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.delenv("ONNXPROOF_DATA", raising=False)
    return home


@pytest.fixture
def arrays() -> Arrays:
    """Return 12 training and 6 test images of 3x5x4 in three classes, with whole-number labels."""
    generator = np.random.default_rng(7)
    return {
        "train_images": generator.integers(0, 256, (12, 3, 5, 4), dtype=np.uint8),
        "train_labels": np.arange(12, dtype=np.uint8) % 3,
        "test_images": generator.integers(0, 256, (6, 3, 5, 4), dtype=np.uint8),
        "test_labels": np.arange(6, dtype=np.uint8) % 3,
    }


@pytest.fixture
def npz_path(tmp_path: Path, arrays: Arrays) -> Path:
    path = tmp_path / "Small_set.npz"
    write_npz(path, arrays)
    return path


def write_npz(path: Path, arrays: Arrays) -> None:
    named: dict[str, Any] = dict(arrays)
    np.savez(path, **named)
