"""Environments of their own for what this project is measured against.

    python -m benchmarks.environments keras

installs what pyproject.toml lists as `bench-keras` into .bench/keras; the project's own environment
stays as it is.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

import click

from benchmarks.measuring import ROOT


def interpreter(name: str) -> Path:
    """Return the Python of an alternative's environment, making it first if need be.

    Raises:
        click.ClickException: pyproject.toml lists no such extra; it cannot be installed.
    """
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    packages = extras.get(f"bench-{name}")
    if packages is None:
        known = [extra.removeprefix("bench-") for extra in extras if extra.startswith("bench-")]
        raise click.ClickException(f"unknown environment {name!r}: wanted one of {known}")
    folder = ROOT / ".bench" / name
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    finished = folder / ".installed"
    wanted = "\n".join(packages)
    # An environment made for another list is made anew; an unfinished one has no such file.
    if not finished.is_file() or finished.read_text() != wanted:
        click.echo(f"installing {', '.join(packages)} into {folder}", err=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages])
        finished.write_text(wanted)
    return python


def _run(command_line: list[str]) -> None:
    done = subprocess.run(command_line, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise click.ClickException(f"{' '.join(command_line[:4])} ...: {last}")


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Make the environment of an alternative and print its interpreter."""
    click.echo(interpreter(name))


if __name__ == "__main__":
    command()
