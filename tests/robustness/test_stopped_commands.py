"""Commands that SIGINT or SIGTERM stops, once or twice: 130 or 143, what was finished is kept."""

import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from artifacts.run_lock import locked_run
from storage.temporary import TEMPORARY_PREFIX
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.fork_server import ForkServer
from tests.robustness.interrupted import (
    COMMANDS,
    contents,
    copy_of,
    outcome,
    require_whole,
    words_of,
)

STOPS = (signal.SIGINT, signal.SIGTERM)
LONG = ("--epochs", "400")  # a training that does not end before it is stopped


@pytest.mark.parametrize("name", COMMANDS)
def test_stopped_command_tells_it_and_leaves_old_or_new_files(
    name: str,
    server: ForkServer,
    evaluated_run: Path,
    tiny_npz: Path,
    tmp_path: Path,
    kill_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    command = COMMANDS[name]
    words = words_of(command, tmp_path / "run", tiny_npz)
    run = copy_of(evaluated_run, command, tmp_path / "run")
    old = contents(run)
    whole = server.run(words, tmp_path)
    new = contents(run)
    moments = random.Random(name)
    found: Counter[str] = Counter()
    for attempt in range(max(1, kill_count // 2)):
        copy_of(evaluated_run, command, run.root)
        number, twice = STOPS[attempt % 2], attempt % 4 >= 2
        moment = moments.uniform(0, 0.8 * whole.seconds)
        signals = [(moment, number), (moment + 0.01, number)][: 1 + twice]
        ended = server.run(words, tmp_path, signals=signals)
        # The second one may come when the command has ended, and only Python has not.
        assert ended.status in (128 + number, whole.status, *([-number] if twice else [])), ended
        assert "Traceback" not in ended.errors, ended
        assert "internal" not in ended.errors, ended
        if ended.status == 128 + number:
            assert f"stopped by {number.name}; what was finished is kept" in ended.errors
        require_whole(run, old, new)
        found[outcome(run, command, old)] += 1
        with locked_run(run):  # the next command removes what this one had no time for
            assert not list(run.root.rglob(f"{TEMPORARY_PREFIX}*")), ended
    note_outcomes(f"stopped: {name}", found)


@pytest.mark.parametrize("number", STOPS)
def test_command_that_is_stopped_as_soon_as_it_listens_tells_it(
    number: signal.Signals, server: ForkServer, evaluated_run: Path, tmp_path: Path
) -> None:
    for _ in range(5):
        ended = server.run(["verify", str(evaluated_run)], tmp_path, signals=[(0, number)])
        assert ended.status == 128 + number, ended


@pytest.mark.parametrize("number", STOPS)
def test_stopped_training_keeps_its_epochs_and_the_run_that_was_there(
    number: signal.Signals, server: ForkServer, evaluated_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    command = COMMANDS["train"]
    run = copy_of(evaluated_run, command, tmp_path / "run")
    words = [*words_of(command, run.root, tiny_npz), *LONG]
    old = contents(run)
    ended = server.run(words, tmp_path, signals=[(0.1, number)], signals_from="1/400  loss")
    assert ended.status == 128 + number, ended
    assert "hint: the same command with --resume goes on" in ended.errors
    now = contents(run)
    assert {name for name in now if now[name] != old.get(name)} == {"resume.pt"}
    short = [*words[:-1], str(10**6), "--resume"]
    assert server.run(short, tmp_path).status == 2  # other epochs than it was begun with


def test_stopped_pipeline_keeps_the_networks_that_were_finished(
    server: ForkServer, tiny_npz: Path, tmp_path: Path
) -> None:
    words = ["pipeline", "--models", "logistic,mlp", "--dataset", str(tiny_npz), "--epochs", "1"]
    ended = server.run(
        [*words, "--batch-sizes", "1"],
        tmp_path,
        signals=[(0, signal.SIGINT)],
        signals_from="mlp (2 of 2): train",
    )
    assert ended.status == 130, ended
    run = tmp_path / "runs" / "tiny-logistic"
    assert (run / "report.html").is_file()
    assert server.run(["verify", str(run), "--no-recompute"], tmp_path).status == 0
