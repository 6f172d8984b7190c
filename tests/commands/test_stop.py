"""Signals that arrive where Python drops what they raise."""

import signal
import time
import weakref

import click
import pytest

from commands import main as command_line
from commands.main import main


class Dropped:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("in_what", ["destructor", "weak reference"])
def test_signal_that_arrives_in_a_destructor_stops_all_the_same(
    in_what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command
    def work() -> None:
        thing = Dropped() if in_what == "destructor" else click.Command("thing")
        if in_what != "destructor":
            watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
            assert watched() is thing
        del thing
        time.sleep(5)
        pytest.fail("it was not stopped")

    monkeypatch.setattr(command_line, "cli", work)
    start = time.monotonic()
    assert main([]) == 130
    assert time.monotonic() - start < 2
    assert capsys.readouterr().err == "error: stopped by SIGINT; what was finished is kept\n"
