"""A contender in a process of its own, and in an environment of its own, that waits for its turn.

It computes only while it is asked, so that several can take turns on the same cores; its memory is
its own, and what it imports and sets disturbs no other. Its end is `benchmarks.answering`.
"""

import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.measuring import ROOT


class MissingContenderError(Exception):
    """What should be measured beside ours does not run; the message says why, in one line."""


class Child:
    """A module of this project that answers lines of JSON, run by an interpreter.

    Attributes:
        facts: what it told of itself when it was ready.
    """

    def __init__(self, python: Path, module: str, *arguments: str) -> None:
        """Start it and wait until it is ready.

        Raises:
            MissingContenderError: it does not start, or ends before it is ready.
        """
        self._module = module
        # A file, not a pipe: nobody reads along, and a full pipe would stop the child.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        try:
            self._process = subprocess.Popen(
                [str(python), "-m", module, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
        except OSError as error:
            self._errors.close()
            raise MissingContenderError(f"{python}: {error.strerror}") from error
        try:
            self.facts = self._answer()
        except MissingContenderError:
            self.close()
            raise

    def ask(self, **question: Any) -> dict[str, Any]:
        """Return the answer to a question.

        Raises:
            MissingContenderError: the process has ended.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then it has ended, which _answer tells
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace").strip() or "no message"
            last = text.splitlines()[-1]
            raise MissingContenderError(f"{self._module} ended with {code}: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer
