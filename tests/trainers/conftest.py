import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts.run_directory import RunDirectory
from tests.trainers.runs import train


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def uninterrupted(
    tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., RunDirectory]:
    """A training of these options that was never stopped."""
    root = tmp_path_factory.mktemp("uninterrupted")

    def finished(*options: str, model: str = "mlp", epochs: int = 6) -> RunDirectory:
        run = RunDirectory(root / "-".join([model, str(epochs), *options]).replace("/", "_"))
        if not run.training.is_file():
            with contextlib.chdir(root):
                assert train(tiny_npz, run.root, *options, model=model, epochs=epochs) == 0
        return run

    return finished
