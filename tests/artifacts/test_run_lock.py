import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artifacts.run_directory import RunDirectory
from artifacts.run_lock import locked_directory, locked_run
from errors import UnfinishedError
from storage.temporary import TEMPORARY_PREFIX

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from artifacts.run_directory import RunDirectory
from artifacts.run_lock import locked_run
with locked_run(RunDirectory(Path(sys.argv[1]))):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.evaluations.mkdir(parents=True)
    return run


def holder(run: RunDirectory) -> subprocess.Popen[str]:
    """Another process that has the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_second_process_is_refused_until_the_first_is_killed(run: RunDirectory) -> None:
    with holder(run) as first:
        try:
            with pytest.raises(UnfinishedError, match="another process is writing it"):
                locked_run(run).__enter__()
        finally:
            first.send_signal(signal.SIGKILL)
    with locked_run(run):
        pass


def test_directory_of_a_study_is_locked_too_and_the_hint_names_its_option(tmp_path: Path) -> None:
    root = tmp_path / "studies" / "one"
    with locked_directory(root, option="--output", create=True):
        with pytest.raises(UnfinishedError, match="another process is writing it") as caught:
            locked_directory(root, option="--output").__enter__()
        assert str(caught.value.hint).endswith("name another place with --output")
        with pytest.raises(UnfinishedError) as caught:
            locked_run(RunDirectory(root)).__enter__()
        assert str(caught.value.hint).endswith("name another place with --run")
    assert not root.parent.exists()  # it was left empty


def test_what_a_killed_process_left_is_removed_and_nothing_else(run: RunDirectory) -> None:
    left = [run.root / f"{TEMPORARY_PREFIX}a.onnx", run.evaluations / f"{TEMPORARY_PREFIX}b.json"]
    for path in left:
        path.write_text("part")
    folder = run.root / f"{TEMPORARY_PREFIX}folder"
    folder.mkdir()
    (folder / "model.onnx").write_text("part")
    kept = [run.weights, run.root / ".hidden", run.root / "onnxproof-notes.txt"]
    link = run.root / f"{TEMPORARY_PREFIX}link"  # which nobody here makes
    for path in kept:
        path.write_text("mine")
    outside = run.root.parent / "outside"
    outside.mkdir()
    link.symlink_to(outside)
    with locked_run(run):
        pass
    assert sorted(run.root.rglob("*")) == sorted([*kept, link, run.evaluations])
    assert outside.is_dir()


def test_leftovers_of_a_process_that_runs_are_not_touched(run: RunDirectory) -> None:
    with holder(run) as first:
        path = run.root / f"{TEMPORARY_PREFIX}a.onnx"
        path.write_text("being written")
        with pytest.raises(UnfinishedError):
            locked_run(run).__enter__()
        assert path.exists()
        first.kill()


def test_directory_that_is_not_there_is_not_made_unless_asked(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "runs" / "none")
    with locked_run(run):
        assert not run.root.exists()
    with locked_run(run, create=True):
        assert run.root.is_dir()
    assert list(tmp_path.iterdir()) == []  # nothing was put there
    with locked_run(run, create=True):
        run.weights.write_text("w")
    assert run.weights.read_text() == "w"


def test_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnfinishedError, match="cannot be written"):
        locked_run(RunDirectory(tmp_path / "file" / "run"), create=True).__enter__()


def test_file_system_without_locks_is_said_to_have_none(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", unsupported)
    with locked_run(run):
        pass
    assert "cannot be locked" in caplog.text
