import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from errors import UnfinishedError
from storage.writing import (
    placing_directory,
    replacing,
    replacing_together,
    require_replaceable,
    write_bytes,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    return path


@pytest.fixture
def umask_027() -> Iterator[None]:
    earlier = os.umask(0o027)
    yield
    os.umask(earlier)


def test_replacing_puts_the_new_content_in_place_and_leaves_nothing_else(old: Path) -> None:
    with replacing(old) as temporary:
        temporary.write_bytes(b"new")
        assert old.read_bytes() == b"old"
        assert (temporary.parent, temporary.suffix) == (old.parent, ".json")
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_replacing_makes_the_directories_that_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "tiny" / "recipe.json"
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_old_file_stays_whole_when_the_body_raises(old: Path, stop: type[BaseException]) -> None:
    def interrupted() -> None:
        with replacing(old) as temporary:
            temporary.write_bytes(b"ne")
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_old_file_stays_whole_when_the_process_is_killed(old: Path) -> None:
    body = (
        "import os, pathlib, signal, sys; from storage.writing import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'ne'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    outcome = subprocess.run([sys.executable, "-c", body, str(old)], check=False, cwd=ROOT)
    assert outcome.returncode == -signal.SIGKILL
    assert old.read_bytes() == b"old"


def test_old_file_stays_whole_when_the_disk_is_full(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnfinishedError, match=r"record\.json: .*No space left on device"):
        write_bytes(old, b"new")
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_content_reaches_the_disk_before_the_name_and_the_name_before_the_end(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        steps.append("directory" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "content")
        fsync(descriptor)

    def recorded_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    write_bytes(old, b"new")
    assert steps == ["content", "rename", "directory"]


def test_unwritable_directory_is_told_by_the_path_that_was_wanted(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"a file in the directory's place")
    path = tmp_path / "runs" / "recipe.json"
    with pytest.raises(UnfinishedError, match="cannot be written") as caught:
        write_bytes(path, b"new")
    assert caught.value.subject == str(path)


def test_directory_in_the_files_place_is_refused_and_no_temporary_left(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.mkdir()
    with pytest.raises(UnfinishedError, match=r"recipe\.json: cannot be written"):
        write_bytes(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


NAMES = ("model.onnx", "model.onnx.data", "export.json")


@pytest.fixture
def together(tmp_path: Path) -> list[Path]:
    """Two files and the record of them, which comes last."""
    paths = [tmp_path / name for name in NAMES]
    for path in paths:
        path.write_bytes(b"old")
    return paths


@pytest.mark.usefixtures("umask_027")
def test_files_and_their_record_are_replaced_under_their_own_names(together: list[Path]) -> None:
    *files, record = together
    with replacing_together(*files, record=record) as directory:
        assert directory.parent == record.parent
        for path in together:
            (directory / path.name).write_bytes(b"new")
            assert path.read_bytes() == b"old"
    assert {path.read_bytes() for path in together} == {b"new"}
    assert files[0].stat().st_mode & 0o777 == 0o640
    assert sorted(record.parent.iterdir()) == sorted(together)


def test_file_that_was_not_written_with_the_others_is_removed(together: list[Path]) -> None:
    *files, record = together
    with replacing_together(*files, record=record) as directory:
        (directory / "model.onnx").write_bytes(b"new")
        (directory / "export.json").write_bytes(b"new")
        assert files[1].exists()
    assert not files[1].exists()
    assert files[0].read_bytes() == record.read_bytes() == b"new"


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_old_files_stay_whole_when_the_body_raises(
    together: list[Path], stop: BaseException | type[BaseException]
) -> None:
    *files, record = together

    def interrupted() -> None:
        with replacing_together(*files, record=record) as directory:
            (directory / "model.onnx").write_bytes(b"ne")
            raise stop

    expected = UnfinishedError if isinstance(stop, OSError) else stop
    with pytest.raises(expected):  # type: ignore[arg-type]
        interrupted()
    assert sorted(record.parent.iterdir()) == sorted(together)
    assert {path.read_bytes() for path in together} == {b"old"}


def test_no_record_speaks_of_files_that_are_being_replaced(
    together: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    *files, record = together
    replace = Path.replace
    seen: list[tuple[str, bool]] = []

    def watched(self: Path, target: Path) -> Path:
        seen.append((target.name, record.exists()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    with replacing_together(*files, record=record) as directory:
        for path in together:
            (directory / path.name).write_bytes(b"new")
    assert seen == [(name, False) for name in NAMES]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_that_comes_between_the_files_waits_for_the_record(
    together: list[Path], number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    *files, record = together
    replace = Path.replace

    def stopped(self: Path, target: Path) -> Path:
        if target == files[1]:
            signal.raise_signal(number)
        return replace(self, target)

    class StopError(Exception):
        pass

    def stop(number: int, frame: object) -> None:
        raise StopError

    monkeypatch.setattr(Path, "replace", stopped)
    earlier = signal.signal(number, stop)

    def write() -> None:
        with replacing_together(*files, record=record) as directory:
            for path in together:
                (directory / path.name).write_bytes(b"new")

    try:
        with pytest.raises(StopError):
            write()
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, earlier)
    assert {path.read_bytes() for path in together} == {b"new"}
    assert sorted(record.parent.iterdir()) == sorted(together)


@pytest.mark.usefixtures("umask_027")
def test_written_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    write_bytes(tmp_path / "recipe.json", b"new")
    assert (tmp_path / "recipe.json").stat().st_mode & 0o777 == 0o640


def begun_with(*paths: Path) -> None:
    with replacing_together(*paths[:-1], record=paths[-1]):
        raise AssertionError("the work was begun")


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_file_whose_directory_is_none_cannot_be_replaced(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / "evaluations")
    with pytest.raises(UnfinishedError, match=r"a\.json: cannot be written: Not a directory"):
        require_replaceable(tmp_path / "evaluations" / "a.json")


def test_what_is_missing_or_a_file_can_be_replaced(old: Path) -> None:
    require_replaceable(old, old.with_name("new.json"), old.parent / "new" / "a.json")


def test_nothing_but_a_file_is_replaced_by_one(tmp_path: Path) -> None:
    """Root could, and `--output /dev/null` would be the end of that."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(UnfinishedError, match="no regular file"):
            write_bytes(path, b"new")
        with pytest.raises(UnfinishedError, match=f"{path.name}: .*no regular file"):
            begun_with(path, tmp_path / "record.json")
    assert pipe.is_fifo()
    assert sorted(tmp_path.iterdir()) == [tmp_path / "link", pipe]


def test_directory_takes_its_place_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "key"
    with placing_directory(path) as directory:
        (directory / "a").write_text("new")
        assert not path.exists()
    assert (path / "a").read_text() == "new"
    assert list(path.parent.iterdir()) == [path]
    with placing_directory(path) as directory:  # somebody was first
        (directory / "a").write_text("newer")
    assert (path / "a").read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_directory_is_durable_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    fsync, rename = os.fsync, Path.rename

    def recorded_fsync(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def recorded_rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "rename", recorded_rename)
    with placing_directory(tmp_path / "key") as directory:
        (directory / "a").write_text("new")
    assert steps == ["a", directory.name, "rename", tmp_path.name]


@pytest.mark.parametrize(
    ("number", "way_out"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "may this user write there")],
)
def test_way_out_is_named(
    old: Path, number: int, way_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UnfinishedError) as caught:
        write_bytes(old, b"new")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(way_out)
