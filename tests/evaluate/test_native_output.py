import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluate.native_output import captured_native_output

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


def test_both_descriptors_are_captured_and_nothing_is_shown(capfd: Capture) -> None:
    with captured_native_output() as captured:
        os.write(1, b"one\n")
        os.write(2, b"two\n")
        assert captured.text == ""
    assert captured.text == "one\ntwo\n"
    assert capfd.readouterr() == ("", "")


def test_descriptors_are_themselves_again_afterwards(capfd: Capture) -> None:
    with captured_native_output():
        os.write(1, b"hidden")
    os.write(1, b"out")
    os.write(2, b"err")
    assert capfd.readouterr() == ("out", "err")


def test_descriptors_are_themselves_again_when_the_block_raises(capfd: Capture) -> None:
    captures = []

    def failing() -> None:
        with captured_native_output() as captured:
            captures.append(captured)
            os.write(2, b"why")
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    os.write(1, b"out")
    assert captures[0].text == "why"
    assert capfd.readouterr() == ("out", "")


def test_what_a_child_process_prints_is_captured(capfd: Capture) -> None:
    with captured_native_output() as captured:
        subprocess.run(["/bin/sh", "-c", "echo out; echo err >&2"], check=True)
    assert captured.text == "out\nerr\n"
    assert capfd.readouterr() == ("", "")


def test_bytes_that_are_no_text_are_captured() -> None:
    with captured_native_output() as captured:
        os.write(1, b"caf\xe9")
    assert captured.text == "caf\N{REPLACEMENT CHARACTER}"


def test_no_descriptor_is_left_open() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with captured_native_output():
            pass
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_what_python_prints_keeps_its_place() -> None:
    program = (
        "import sys; from evaluate.native_output import captured_native_output\n"
        "print('before', end=' ')\n"
        "with captured_native_output() as captured: print('within', end=' ')\n"
        "print('after', captured.text)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": ""},  # else nothing is left to be flushed
    )
    assert outcome.stdout == "before after within \n"
