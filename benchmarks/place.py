"""Where the checks of `benchmarks.gpu` run the project's own commands, each in a child process."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifacts.run_directory import RunDirectory
from benchmarks.own_commands import onnxproof

Result = dict[str, Any]


class CheckError(Exception):
    """A check did not hold; the message says what was wanted and found."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and on what the checks run."""

    folder: Path
    device: str
    provider: str
    svhn: str  # what --dataset takes
    epochs: int | None

    def run(self, name: str) -> RunDirectory:
        """Return a run directory of that name."""
        return RunDirectory(self.folder / name)

    def onnxproof(self, *arguments: str, starter: tuple[str, ...] = ()) -> Result:
        """Run a command with --json and return its document.

        Raises:
            CheckError: it ended with another exit code than 0.
        """
        done = onnxproof(*arguments, "--json", folder=self.folder, starter=starter)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
            message = errors or done.stderr.splitlines()[-3:]
            raise CheckError(f"{' '.join(arguments)}: exit {done.returncode}: {message}")
        document: Result = json.loads(done.stdout)
        return document

    def train(self, name: str, *options: str, starter: tuple[str, ...] = ()) -> Result:
        """Train into the run of that name."""
        run = ("--run", str(self.run(name).root))
        return self.onnxproof("train", "--device", self.device, *run, *options, starter=starter)
