"""`serve` in a process of its own, on any free port of this machine."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A server that listens.

    Attributes:
        process: to be stopped by a signal.
        document: what it printed.
    """

    process: subprocess.Popen[str]
    document: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.document["url"])

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def get(self, path: str) -> tuple[int, str]:
        return response_of(urllib.request.Request(self.url + path))

    def predict(self, body: bytes, content_type: str, query: str = "") -> tuple[int, Any]:
        headers = {"Content-Type": content_type}
        url = f"{self.url}v1/predict{query}"
        status, text = response_of(urllib.request.Request(url, body, headers))
        return status, json.loads(text)

    def stopped(self, number: int) -> tuple[int, str]:
        """Return the exit code and standard error after this signal."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


def response_of(request: urllib.request.Request) -> tuple[int, str]:
    # Without proxies, which an environment may name even for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextmanager
def running_server(*options: object) -> Iterator[Server]:
    """Give a server with these options; it is killed in the end, if it runs still."""
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Server(process, _printed_document(process))
        finally:
            process.kill()


def _printed_document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the document that a server prints when it listens."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            document: dict[str, Any] = json.loads(text)
            return document
    _, errors = process.communicate()
    raise AssertionError(f"serve ended with {process.returncode}: {errors}")
