import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from storage.temporary import (
    TEMPORARY_PREFIX,
    remove_leftovers,
    temporary_directory,
    temporary_file,
)

ROOT = Path(__file__).parents[2]
HELD = """
import sys
from pathlib import Path
from storage.temporary import temporary_directory, temporary_file
with temporary_file(Path(sys.argv[1])) as file, temporary_directory(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print("made", flush=True)
    sys.stdin.read()
"""
BOTH = pytest.mark.parametrize("make", [temporary_file, temporary_directory])
Make = Callable[[Path], AbstractContextManager[Path]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there nothing is locked")


@BOTH
def test_it_is_gone_in_the_end_unless_it_was_renamed(make: Make, tmp_path: Path) -> None:
    with make(tmp_path) as path:
        assert path.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
    with make(tmp_path) as path:
        path.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_file_s_kind_is_kept_unless_its_name_would_be_too_long(tmp_path: Path) -> None:
    with temporary_file(tmp_path, ".svg") as path:
        assert path.suffix == ".svg"
    with temporary_file(tmp_path, "." + 250 * "x") as path:
        assert path.exists()


def test_leftovers_are_removed_and_what_a_living_process_uses_is_not(tmp_path: Path) -> None:
    """One process at two times: first it lives, then it was killed."""
    command = [sys.executable, "-c", HELD, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "made\n"
        used = set(tmp_path.iterdir())
        assert len(used) == 2
        with temporary_file(tmp_path):
            remove_leftovers(tmp_path)
        assert set(tmp_path.iterdir()) == used
        other.send_signal(signal.SIGKILL)
    assert set(tmp_path.iterdir()) == used
    with temporary_file(tmp_path) as path:
        assert list(tmp_path.iterdir()) == [path]


def test_own_temporaries_of_the_same_place_are_in_use(tmp_path: Path) -> None:
    with temporary_file(tmp_path) as first, temporary_directory(tmp_path) as second:
        remove_leftovers(tmp_path)
        assert first.exists()
        assert second.exists()


def test_what_somebody_else_made_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = tmp_path / "place"
    place.mkdir()
    (place / f"{TEMPORARY_PREFIX}link").symlink_to(outside)
    os.mkfifo(place / f"{TEMPORARY_PREFIX}pipe")  # which must not be waited for
    (place / ".other").touch()
    before = sorted(place.iterdir())
    remove_leftovers(place)
    assert sorted(place.iterdir()) == before
    assert outside.is_dir()


@pytest.mark.parametrize(
    ("make", "maker"), [(temporary_file, "mkstemp"), (temporary_directory, "mkdtemp")]
)
def test_another_is_made_where_one_was_taken_for_a_leftover(
    make: Make, maker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process comes between its making and its locking."""
    whole = getattr(tempfile, maker)
    taken: list[Path] = []

    def made_and_taken(*arguments: Any, **named: Any) -> Any:
        made = whole(*arguments, **named)
        if not taken:
            taken.extend(tmp_path.iterdir())
            remove_leftovers(tmp_path)
        return made

    monkeypatch.setattr(tempfile, maker, made_and_taken)
    with make(tmp_path) as path:
        assert len(taken) == 1
        assert path not in taken
        assert list(tmp_path.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == []


def test_file_system_that_locks_nothing_keeps_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", unsupported)
    with temporary_file(tmp_path) as first, temporary_file(tmp_path):
        assert first.exists()
