"""Two real processes, started by torchrun, against one."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from artifacts.run_directory import RunDirectory
from errors import UsageError
from tests.trainers.runs import TORCHRUN, arguments, differences, history, started, train
from trainers.processes import processes_of

WAIT_SECONDS = 120
# Parts of 8 and 9, the last batch of 10; a test split of 67, which is not even either.
UNEVEN = ("--batch-size", "17", "--test-curve")
EPOCHS = 60


def by_two(npz: Path, run: RunDirectory, *options: str, epochs: int = 3) -> tuple[str, str]:
    """Train in two processes; return standard output and error."""
    words = arguments(npz, run.root, *options, epochs=epochs)
    child = started(words, run.root.parent, starter=(*TORCHRUN, "--"))
    output, errors = child.communicate(timeout=WAIT_SECONDS)
    assert child.returncode == 0, errors
    return output, errors


def worse_than(
    tolerance: float, alone: list[dict[str, Any]], together: list[dict[str, Any]]
) -> list[str]:
    """Where two histories differ: counts at all, numbers by more than the relative tolerance."""
    return [
        f"epoch {one['epoch']}: {name} {one[name]} alone, {two[name]} together"
        for one, two in zip(alone, together, strict=True)
        for name in one
        if two[name]
        != pytest.approx(
            one[name], rel=0 if name == "epoch" or "accuracy" in name else tolerance, abs=0
        )
    ]


@dataclass(frozen=True, kw_only=True)
class Finished:
    run: RunDirectory
    output: str
    errors: str


@pytest.fixture(scope="module")
def two(tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A training in two processes that was never stopped."""
    run = RunDirectory(tmp_path_factory.mktemp("two") / "run")
    output, errors = by_two(tiny_npz, run, *UNEVEN, "--json", epochs=EPOCHS)
    return Finished(run=run, output=output, errors=errors)


def test_two_processes_see_what_one_sees(
    two: Finished, tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = RunDirectory(tmp_path / "one")
    assert train(tiny_npz, one.root, *UNEVEN, epochs=EPOCHS) == 0
    # Sums run in another order, and a training makes such differences larger and larger.
    assert worse_than(1e-5, history(one)[:5], history(two.run)[:5]) == []
    assert two.run.recipe.read_bytes() == one.recipe.read_bytes()


def test_one_of_two_processes_writes_and_speaks(two: Finished) -> None:
    record = json.loads(two.output)
    assert (record["processes"], record["val_examples"]) == (2, 20)
    assert [epoch["epoch"] for epoch in history(two.run)] == list(range(1, EPOCHS + 1))
    assert sum(line.startswith("epoch ") for line in two.errors.splitlines()) == EPOCHS


def test_process_may_have_no_part_of_a_batch(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--batch-size", "1", "--subset", "0.3", "--test-curve")
    alone, together = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    assert train(tiny_npz, alone.root, *options, epochs=3) == 0
    by_two(tiny_npz, together, *options)
    assert worse_than(1e-5, history(alone), history(together)) == []


def test_killed_process_ends_the_run_and_all_can_go_on(
    two: Finished, tiny_npz: Path, tmp_path: Path
) -> None:
    killed = RunDirectory(tmp_path / "killed")
    words = arguments(tiny_npz, killed.root, *UNEVEN, epochs=EPOCHS)
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
    start = time.monotonic()
    _, errors = torchrun.communicate(timeout=WAIT_SECONDS)
    assert time.monotonic() - start < 60
    assert torchrun.returncode != 0
    # What the other one notices first: the lost connection, or torchrun that ends it.
    told = ("another of its processes was lost", "stopped by SIGTERM")
    assert any(reason in errors for reason in told), errors
    assert not killed.training.exists()
    by_two(tiny_npz, killed, *UNEVEN, "--resume", epochs=EPOCHS)
    assert differences(killed, two.run) == []


def test_environment_of_torchrun_is_refused_when_it_is_half_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UsageError, match="RANK"), processes_of("cpu"):
        pass
