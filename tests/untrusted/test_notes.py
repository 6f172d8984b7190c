import stat
from pathlib import Path

import pytest

from untrusted.notes import is_noted, write_note


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user without any notes keeps them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_exactly_what_was_noted_is_known() -> None:
    assert not is_noted("seen", "a line")
    write_note("seen", "a line")
    write_note("seen", "a line")
    assert is_noted("seen", "a line")
    for kind, line in (("seen", "a line "), ("seen", "a\nline"), ("seen", ""), ("other", "a line")):
        assert not is_noted(kind, line)


def test_names_that_are_no_text_can_be_noted() -> None:
    write_note("seen", "a\udcffb\n\N{GRINNING FACE}")
    assert is_noted("seen", "a\udcffb\n\N{GRINNING FACE}")
    assert not is_noted("seen", "a\udcfeb\n\N{GRINNING FACE}")


def test_only_the_user_can_write_notes(state: Path) -> None:
    write_note("seen", "a line")
    (directory,) = (state / "onnxproof").iterdir()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    (note,) = directory.iterdir()
    assert note.read_text() == "a line\n"


def test_where_there_can_be_no_notes_nothing_is_noted(state: Path) -> None:
    state.write_text("in the way")
    with pytest.raises(OSError, match="Not a directory"):
        write_note("seen", "a line")
    assert not is_noted("seen", "a line")
