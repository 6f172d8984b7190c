"""Disks that are full, or become so, or are read-only: exit code 5, and what was there is whole."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.temporary import TEMPORARY_PREFIX
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.fork_server import FILLER, Ended, ForkServer
from tests.robustness.interrupted import (
    COMMANDS,
    NEW,
    contents,
    copy_of,
    outcome,
    require_whole,
    words_of,
)

ROOMY, TIGHT = 16 << 20, 1 << 20  # bytes; the run takes half of the second
LAST_CHANGES = 22
NO_SPACE = "No space left on device"


@pytest.fixture
def place(server: ForkServer, tmp_path: Path) -> Path:
    """Where a small disk is mounted, as commands see it."""
    if server.why_no_mounts:
        pytest.skip(f"no small disk can be mounted here: {server.why_no_mounts}")
    place = tmp_path / "disk"
    place.mkdir()
    return place


@pytest.fixture
def roomy(server: ForkServer, place: Path) -> Iterator[Path]:
    """The disk as this process sees it."""
    with server.mounted(place, ROOMY) as seen:
        yield seen


@pytest.fixture
def tight(server: ForkServer, place: Path) -> Iterator[Path]:
    with server.mounted(place, TIGHT) as seen:
        yield seen


def require_told(ended: Ended, told: str, hint: str) -> None:
    assert ended.status == 5, ended
    lines = [line for line in ended.errors.splitlines() if line.startswith(("error: ", "hint: "))]
    assert len(lines) == 2, ended.errors
    assert told in lines[0]
    assert hint in lines[1]
    assert "Traceback" not in ended.errors
    assert TEMPORARY_PREFIX not in lines[0]  # whose name means nothing to anybody


@pytest.mark.parametrize("name", COMMANDS)
def test_disk_that_becomes_full_is_told_and_costs_nothing(
    name: str,
    server: ForkServer,
    evaluated_run: Path,
    tiny_npz: Path,
    place: Path,
    roomy: Path,
    kill_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    """It is full from the n-th change on that the command makes, which are those of its end."""
    command = COMMANDS[name]
    words = words_of(command, place / "run", tiny_npz)
    run = copy_of(evaluated_run, command, roomy / "run")
    old = contents(run)
    whole = server.run(words, place)
    assert whole.status in (0, 1), whole.errors
    new = contents(run)
    moments = random.Random(name)
    found: Counter[str] = Counter()
    for _ in range(kill_count // 2):
        run = copy_of(evaluated_run, command, roomy / "run")
        change = max(1, whole.changes - moments.randrange(LAST_CHANGES))
        ended = server.run(words, place, fills_at_change=change)
        assert (roomy / FILLER).exists()
        (roomy / FILLER).unlink()
        require_whole(run, old, new)
        came_to = outcome(run, command, old)
        if came_to != NEW:
            # Where it was full before the work began, that was seen then.
            told = " bytes there, 0 are free" if ", 0 are free" in ended.errors else NO_SPACE
            require_told(ended, told, "free some space")
        assert not list(run.root.rglob(f"{TEMPORARY_PREFIX}*"))
        found[came_to] += 1
    note_outcomes(f"full disk: {name}", found)


@pytest.mark.parametrize("name", ["train", "export", "export --precision int8"])
def test_room_is_asked_for_before_the_work(
    name: str, server: ForkServer, evaluated_run: Path, tiny_npz: Path, place: Path, tight: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS[name], tight / "run")
    old = contents(run)
    ended = server.run(words_of(COMMANDS[name], place / "run", tiny_npz), place)
    what = "the training" if name == "train" else "the export"
    require_told(ended, f"error: {place / 'run'}: {what} takes about ", "free some space")
    assert " bytes there, " in ended.errors
    assert "epoch 1" not in ended.errors
    assert contents(run) == old


@pytest.mark.parametrize("name", COMMANDS)
def test_read_only_disk_is_told_before_the_work(
    name: str, server: ForkServer, evaluated_run: Path, tiny_npz: Path, place: Path, roomy: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS[name], roomy / "run")
    old = contents(run)
    server.make_read_only(place)
    ended = server.run(words_of(COMMANDS[name], place / "run", tiny_npz), place)
    told = f"error: {place / 'run'}: cannot be written: Read-only file system"
    require_told(ended, told, "may this user write there?")
    assert "epoch 1" not in ended.errors
    assert contents(run) == old


def test_new_run_on_a_read_only_disk_is_told_before_the_training(
    server: ForkServer, tiny_npz: Path, place: Path, roomy: Path
) -> None:
    server.make_read_only(place)
    ended = server.run(["train", "--dataset", str(tiny_npz), "--run", "runs/new"], place)
    require_told(ended, "error: runs/new: cannot be written: Read-only", "may this user write")
    assert list(roomy.iterdir()) == []


def test_full_cache_is_no_reason_to_stop(
    server: ForkServer, tiny_npz: Path, place: Path, tight: Path
) -> None:
    home = place / "cache"
    (tight / FILLER).write_bytes(bytes(TIGHT - (8 << 10)))
    words = ["datasets", "--prepare", str(tiny_npz)]
    ended = server.run(words, place, environment={"XDG_CACHE_HOME": str(home)})
    assert ended.status == 0, ended
    assert "not cached, it will be read again next time" in ended.errors
    assert " bytes there, " in ended.errors
    assert not list((tight / "cache").rglob("*.npy"))
