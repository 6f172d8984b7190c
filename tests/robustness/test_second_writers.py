"""Every command that writes a run, beside another process that does: it ends at once."""

from pathlib import Path

import pytest

from artifacts.run_lock import locked_run
from tests.robustness.fork_server import Ended, ForkServer
from tests.robustness.interrupted import COMMANDS, contents, copy_of, words_of


@pytest.mark.parametrize("name", COMMANDS)
def test_second_writer_ends_at_once_and_changes_nothing(
    name: str, server: ForkServer, evaluated_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS[name], tmp_path / "run")
    words, old = words_of(COMMANDS[name], run.root, tiny_npz), contents(run)
    with locked_run(run):  # this process is the other one
        ended = server.run(words, tmp_path)
    require_refused_at_once(ended, run.root)
    assert contents(run) == old


def test_pipeline_ends_at_once_where_another_process_writes_its_run(
    server: ForkServer, evaluated_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS["train"], tmp_path / "runs" / "tiny-mlp")
    words, old = ["pipeline", "--models", "mlp", "--dataset", str(tiny_npz)], contents(run)
    with locked_run(run):
        ended = server.run(words, tmp_path)
    require_refused_at_once(ended, Path("runs/tiny-mlp"))
    assert contents(run) == old


def require_refused_at_once(ended: Ended, run: Path) -> None:
    assert ended.status == 5, ended
    assert f"error: {run}: another process is writing it" in ended.errors
    assert "hint: wait until that one has ended, or name another" in ended.errors
    assert ended.seconds < 5
    assert "epoch 1" not in ended.errors
