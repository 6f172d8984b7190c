"""This project's own commands, run as a user would, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import click

from benchmarks.measuring import ROOT

Finished = subprocess.CompletedProcess[str]


def onnxproof(*arguments: str, folder: Path, starter: tuple[str, ...] = ()) -> Finished:
    """Run a command and return how it ended, with what it printed.

    Args:
        arguments: of `cli.py`.
        folder: that it runs in.
        starter: what runs the script; this interpreter, unless it is torchrun, say.
    """
    words = [*(starter or (sys.executable,)), str(ROOT / "cli.py"), *arguments]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def done(process: Finished) -> None:
    """Return if a command did what it should.

    Raises:
        click.ClickException: it did not; with the line of its error.
    """
    if process.returncode:
        lines = process.stderr.strip().splitlines() or ["no message"]
        error = next((line for line in lines if line.startswith("error: ")), lines[-1])
        raise click.ClickException(f"{' '.join(process.args[1:3])}: {error}")
