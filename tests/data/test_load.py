import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data import load_dataset
from data.load import _told_as_dataset_errors
from errors import DatasetError, UnfinishedError
from untrusted.child import Limits, result_in_child

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "scipy", "sklearn", "PIL")


def modules_after(code: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after running `code`."""
    command = f"import sys\n{code}\nprint(*(set({HEAVY}) & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    # mat_arrays is loaded in a process of its own.
    modules = sorted({path.stem for path in (ROOT / "data").glob("*.py")} - {"mat_arrays"})
    assert "mat" in modules
    assert modules_after("\n".join(f"import data.{name}" for name in modules)) == set()


def test_cached_dataset_loads_nothing_heavy() -> None:
    code = "from data import load_dataset\nd = load_dataset('digits')\nd.train, d.test"
    assert "sklearn" in modules_after(code)
    assert modules_after(code) == set()


def test_dataset_refused_when_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DatasetError, match=r"reading it needs sklearn\.datasets") as caught:
        load_dataset("digits")
    assert caught.value.hint == "install what pyproject.toml names: python -m pip install ."


def test_os_errors_are_told_as_dataset_errors() -> None:
    with (
        pytest.raises(DatasetError, match=r"some\.npz: cannot be read: .*Permission denied"),
        _told_as_dataset_errors("some.npz"),
    ):
        raise PermissionError(13, "Permission denied")


def test_memory_that_a_reader_does_not_get_is_told_by_the_dataset_s_name(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    images, labels = np.zeros((400_000, 1, 28, 28), np.uint8), np.zeros(400_000, np.int64)
    np.savez(
        path,
        train_images=images,
        train_labels=labels,
        test_images=images[:10],
        test_labels=labels[:10],
    )
    # Free memory there is, but this process may not have it: as where a user's limit is lower.
    limits = Limits(seconds=60, memory_bytes=100 << 20)
    with pytest.raises(UnfinishedError) as caught:
        result_in_child("tests.data.hostile_work:load", {"path": str(path)}, limits)
    assert caught.value.subject == str(path)
    assert caught.value.problem == "reading it takes more memory than is free"
