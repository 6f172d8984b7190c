import subprocess

import pytest

from artifacts.shell import pasteable


@pytest.mark.parametrize(
    "name",
    ["plain", "two words", "it's", 'a "b" $HOME `x` !y \\', "line\nbreak 'q' \\", "\x1b[31m", "😀"],
)
def test_bash_reads_the_words_that_were_meant(name: str) -> None:
    command = pasteable("export", f"--run={name}")
    assert command.isprintable()
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True
    ).stdout.decode()
    assert words.split("\0")[:-1] == ["python", "cli.py", "export", f"--run={name}"]


def test_plain_names_are_as_they_are() -> None:
    assert pasteable("verify", "runs/a-1") == "python cli.py verify runs/a-1"
