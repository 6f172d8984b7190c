"""Commands that are killed (SIGKILL) at any moment: what is there then is whole, old or new."""

import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from artifacts.verification import checked_links
from errors import ArtifactError
from storage.temporary import TEMPORARY_PREFIX
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.fork_server import ForkServer
from tests.robustness.interrupted import (
    COMMANDS,
    Command,
    contents,
    copy_of,
    outcome,
    require_whole,
    words_of,
)

# The files take their places last: every second kill comes at one of so many last changes.
LAST_CHANGES = 14


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_command_leaves_old_or_new_files_and_finishes_the_next_time(
    name: str,
    server: ForkServer,
    evaluated_run: Path,
    tiny_npz: Path,
    tmp_path: Path,
    kill_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    command = COMMANDS[name]
    run = copy_of(evaluated_run, command, tmp_path / "run")
    old, words = contents(run), words_of(command, run.root, tiny_npz)
    whole = server.run(words, tmp_path)
    assert whole.status in (0, 1), whole.errors
    new = contents(run)
    moments = random.Random(name)
    found: Counter[str] = Counter()
    for number in range(kill_count):
        copy_of(evaluated_run, command, run.root)
        if number % 2 == 0:
            moment = moments.uniform(0, whole.seconds)
            killed = server.run(words, tmp_path, signals=[(moment, signal.SIGKILL)])
        else:
            change = max(1, whole.changes - moments.randrange(LAST_CHANGES))
            killed = server.run(words, tmp_path, dies_at_change=change)
            moment = change
        told = f"kill {number} at {moment}: {killed}"
        assert killed.status in (-signal.SIGKILL, 0, 1), told
        require_whole(run, old, new)
        found[outcome(run, command, old)] += 1
        again = server.run(words, tmp_path)
        assert again.status == whole.status, f"{told}, then {again}"
        assert all(link.holds is not False for link in checked_links(run)), told
        assert not list(run.root.rglob(f"{TEMPORARY_PREFIX}*")), told
    note_outcomes(f"killed: {name}", found)


@pytest.mark.parametrize(
    "name", ["training.json", "export.json", "weights.safetensors", "resume.pt", "history.jsonl"]
)
def test_half_a_file_is_seen(name: str, evaluated_run: Path, tmp_path: Path) -> None:
    run = copy_of(evaluated_run, Command(()), tmp_path / "run")
    old = contents(run)
    require_whole(run, old, old)
    (run.root / name).write_bytes(old[name][: len(old[name]) // 2])
    with pytest.raises((ArtifactError, AssertionError, ValueError)):
        require_whole(run, old, old)
