import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.temporary import LEAST_AGE_SECONDS, temporary_directory

ROOT = Path(__file__).parents[2]
KILLED = """
import os, sys
from pathlib import Path
from data.temporary import temporary_directory
with temporary_directory(Path(sys.argv[1]), ".new-") as path:
    (path / "half").write_text("x")
    os.kill(os.getpid(), 9)
"""


def make_old(path: Path) -> None:
    old = time.time() - LEAST_AGE_SECONDS - 1
    os.utime(path, (old, old))


def test_directory_is_gone_in_the_end_unless_it_was_renamed(tmp_path: Path) -> None:
    with temporary_directory(tmp_path, ".new-") as path:
        (path / "a").touch()
    assert list(tmp_path.iterdir()) == []
    with temporary_directory(tmp_path, ".new-") as path:
        (path / "a").touch()
        path.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "a"]


@pytest.mark.skipif(sys.platform == "win32", reason="there nothing is locked")
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with temporary_directory(tmp_path, ".new-"):
        assert left.exists()  # it may have been made a moment ago
    make_old(left)
    with temporary_directory(tmp_path, ".new-"):
        assert not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there nothing is locked")
def test_what_is_in_use_or_somebody_else_s_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    make_old(tmp_path / "other")
    with temporary_directory(tmp_path, ".new-") as used:
        (used / "a").touch()
        make_old(used)
        with temporary_directory(tmp_path, ".new-"):
            assert (used / "a").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
