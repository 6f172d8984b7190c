"""Two real processes, started by torchrun, against one."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from artifacts.run_directory import RunDirectory
from errors import UsageError
from tests.trainers.runs import TORCHRUN, arguments, differences, history, started, train
from trainers.processes import processes_of

WAIT_SECONDS = 120


def by_two(npz: Path, run: RunDirectory, *options: str, epochs: int = 3) -> tuple[str, str]:
    """Train in two processes; return standard output and error."""
    words = arguments(npz, run.root, *options, epochs=epochs)
    child = started(words, run.root.parent, starter=(*TORCHRUN, "--"))
    output, errors = child.communicate(timeout=WAIT_SECONDS)
    assert child.returncode == 0, errors
    return output, errors


@pytest.mark.parametrize(
    "options",
    [
        ("--batch-size", "17"),  # parts of 8 and 9, the last batch of 10
        ("--batch-size", "1", "--subset", "0.3"),  # one of the processes has nothing to do
    ],
)
def test_two_processes_see_what_one_sees(
    options: tuple[str, ...], tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    assert train(tiny_npz, one.root, *options, epochs=3) == 0
    output, errors = by_two(tiny_npz, two, *options, "--json")
    for alone, together in zip(history(one), history(two), strict=True):
        for name, value in alone.items():
            is_count = name in ("epoch", "train_accuracy", "val_accuracy")
            assert together[name] == pytest.approx(value, rel=0 if is_count else 1e-5), name
    # One of them writes and speaks: one document, one line an epoch.
    record = json.loads(output)
    assert (record["processes"], record["val_examples"]) == (2, 20 if "17" in options else 6)
    assert sum(line.startswith("epoch ") for line in errors.splitlines()) == 3
    assert two.recipe.read_bytes() == one.recipe.read_bytes()


def test_killed_process_ends_the_run_and_all_can_go_on(tiny_npz: Path, tmp_path: Path) -> None:
    options = ("--batch-size", "8")
    whole, killed = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "killed")
    by_two(tiny_npz, whole, *options, epochs=60)
    words = arguments(tiny_npz, killed.root, *options, epochs=60)
    torchrun = started(words, tmp_path, starter=(*TORCHRUN, "--"))
    start = time.monotonic()
    while not killed.history.is_file() and time.monotonic() < start + WAIT_SECONDS:
        time.sleep(0.01)
    second = next(
        child
        for child in psutil.Process(torchrun.pid).children(recursive=True)
        if child.environ().get("RANK") == "1"
    )
    second.send_signal(signal.SIGKILL)
    _, errors = torchrun.communicate(timeout=WAIT_SECONDS)
    assert torchrun.returncode != 0
    # What the other one notices first: the lost connection, or torchrun that ends it.
    told = ("another of its processes was lost", "stopped by SIGTERM")
    assert any(reason in errors for reason in told), errors
    assert not killed.training.exists()
    by_two(tiny_npz, killed, *options, "--resume", epochs=60)
    assert differences(killed, whole) == []


def test_environment_of_torchrun_is_refused_when_it_is_half_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UsageError, match="RANK"), processes_of("cpu"):
        pass
