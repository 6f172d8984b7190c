"""Environments of their own for what this project is measured against.

    python -m benchmarks.environments keras

installs what pyproject.toml lists as `bench-keras` into .bench/keras; the project's own environment
stays as it is.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.measuring import ROOT


def interpreter(name: str) -> Path:
    """Return the Python of an alternative's environment, making it first if need be.

    Raises:
        click.ClickException: pyproject.toml lists no such extra; it cannot be installed.
    """
    environment = _environment(name)
    if not environment.is_ready():
        environment.make()
    return environment.python


def ready_interpreter(name: str, *, make: bool) -> tuple[Path | None, dict[str, str]]:
    """Return the Python of an alternative's environment, or None and why there is none.

    What is measured beside it is worth measuring all the same.

    Args:
        name: of the environment.
        make: whether it may be installed now, which takes minutes.
    """
    environment = _environment(name)
    if not environment.is_ready():
        if not make:
            reason = f"not installed: python -m benchmarks.environments {name}"
            return None, {name: reason}
        try:
            environment.make()
        except click.ClickException as error:
            return None, {name: error.message}
    return environment.python, {}


def versions_in(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return which versions of them an environment has."""
    program = (
        "import json, sys; from importlib.metadata import version;"
        " print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [str(python), "-c", program, *packages], capture_output=True, text=True, check=True
    )
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


@dataclass(frozen=True)
class _Environment:
    folder: Path
    packages: tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def _finished(self) -> Path:
        return self.folder / ".installed"

    def is_ready(self) -> bool:
        # An environment made for another list is made anew; an unfinished one has no such file.
        return self._finished.is_file() and self._finished.read_text() == self._wanted

    def make(self) -> None:
        click.echo(f"installing {', '.join(self.packages)} into {self.folder}", err=True)
        _run([sys.executable, "-m", "venv", "--clear", str(self.folder)])
        pip = (str(self.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        _run([*pip, *self.packages])
        self._finished.write_text(self._wanted)

    @property
    def _wanted(self) -> str:
        return "\n".join(self.packages)


def _environment(name: str) -> _Environment:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    packages = extras.get(f"bench-{name}")
    if packages is None:
        known = [extra.removeprefix("bench-") for extra in extras if extra.startswith("bench-")]
        raise click.ClickException(f"unknown environment {name!r}: wanted one of {known}")
    return _Environment(ROOT / ".bench" / name, tuple(packages))


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
