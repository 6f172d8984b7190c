import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commands.main import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/robustness: a short sample by default; `make faults` for the long run."""
    parser.addoption("--mutations", type=int, default=12, help="damaged copies of each file")
    parser.addoption("--kills", type=int, default=2, help="kills of each command")
    parser.addoption("--counts", type=Path, help="write what was counted to this JSON file")


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's own cache, or what the user has trusted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("ONNXPROOF_DATA", raising=False)
        yield


def save_splits(
    path: Path, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> None:
    np.savez(
        path,
        train_images=train[0],
        train_labels=train[1],
        test_images=test[0],
        test_labels=test[1],
    )


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 8x8 images that differ in which rows are bright."""
    random = np.random.default_rng(0)

    def split(examples: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(examples) % 3
        images = random.integers(0, 120, size=(examples, 1, 8, 8))
        for row in range(8):
            images[:, 0, row] += np.where(labels == row // 3, 100, 0)[:, None]
        return images.astype(np.uint8), labels

    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    save_splits(path, split(200), split(67))
    return path


@pytest.fixture(scope="session")
def mixed_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 2x2 images that no network gets all right: a third has random labels."""
    random = np.random.default_rng(0)

    def split(examples: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(examples) % 3
        images = random.integers(0, 120, size=(examples, 1, 2, 2))
        images[np.arange(examples), 0, labels // 2, labels % 2] += 100
        is_mixed = random.random(examples) < 1 / 3
        return images.astype(np.uint8), np.where(is_mixed, random.permutation(labels), labels)

    path = tmp_path_factory.mktemp("data") / "mixed.npz"
    save_splits(path, split(150), split(90))
    return path


@pytest.fixture(scope="session")
def studies(mixed_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two studies of losses in its runs/; shared, so never changed."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        data = ["--dataset", str(mixed_npz)]
        assert main(["study", "convexity", *data]) == 0
        assert main(["study", "losses", *data, "--epochs", "5", "--seeds", "2"]) == 0
    return folder


@pytest.fixture(scope="session")
def finished_run(tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network, trained and exported; shared, so never changed: copy it first."""
    root = tmp_path_factory.mktemp("runs")
    run = root / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        options = ["--dataset", str(tiny_npz), "--model", "mlp", "--epochs", "4"]
        assert main(["train", *options, "--run", str(run)]) == 0
        assert main(["export", "--run", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LeNet-5 that knows digits; shared, so never changed."""
    root = tmp_path_factory.mktemp("digits")
    run = root / "lenet5"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        # One thread: two would wait for each other where other tests run beside this one.
        assert main(["train", "--threads", "1", "--run", str(run)]) == 0
        assert main(["export", "--run", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A browser. It lives no longer than a module: asyncio cannot be run beside it."""
    from tests.browser import running_chromium

    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def evaluated_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, evaluated in float32 and in INT8; shared, so never changed: copy it first."""
    run = tmp_path_factory.mktemp("evaluated") / "tiny"
    shutil.copytree(finished_run, run)
    quick = ["--min-seconds", "0.02", "--batch-sizes", "1,4"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(run.parent)
        assert main(["evaluate", "--run", str(run), *quick]) == 0
        assert main(["export", "--run", str(run), "--precision", "int8"]) == 0
        assert main(["evaluate", "--run", str(run), "--precision", "int8", *quick]) in (0, 1)
    return run
