"""Commands that nobody asked for a download reach for no network: not even a name is looked up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.servers import ROOT

# Python itself reports what is about to be done, whichever library does it, and in child processes
# too, since each imports this when it starts.
WATCHING = """
import sys
FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
def watch(event, arguments):
    if event not in FORBIDDEN or isinstance(arguments[-1], (str, bytes)) and "connect" in event:
        return  # the latter: a socket of this machine, which is called by a path
    with open({noted!r}, "a") as file:
        print(event, arguments[1:] if "socket.c" in event else arguments, file=file)
    raise RuntimeError("network")
sys.addaudithook(watch)
"""
PROGRAM = """
import contextlib, json, sys
from commands.main import main
with contextlib.suppress(ImportError):
    import timm  # whose library of downloads is loaded with it
codes = [main(command) for command in json.loads(sys.argv[1])]
json.dump(codes, open(sys.argv[2], "w"))
"""


def run_watched(here: Path, *arguments: str) -> str:
    """Run Python in a directory; return which network it reached for."""
    noted = here / "noted.txt"
    (here / "watching").mkdir()
    (here / "watching" / "sitecustomize.py").write_text(WATCHING.format(noted=str(noted)))
    path = os.pathsep.join((str(here / "watching"), str(ROOT)))
    left_out = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # what would make it easier
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    subprocess.run(
        [sys.executable, *arguments],
        cwd=here,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    return noted.read_text() if noted.exists() else ""


def test_work_is_done_without_a_network(tiny_npz: Path, tmp_path: Path) -> None:
    image = ROOT / "docs" / "serve.png"
    evaluation = ["--min-seconds", "0.02", "--batch-sizes", "1"]
    commands = [
        ["train", "--dataset", str(tiny_npz), "--model", "logistic", "--epochs", "1"],
        ["export"],
        ["evaluate", *evaluation],
        ["report"],
        ["predict", str(image)],
        ["compare", "runs"],
        ["verify"],
        ["datasets", "--json"],
        ["doctor"],
    ]
    codes = tmp_path / "codes.json"
    assert run_watched(tmp_path, "-c", PROGRAM, json.dumps(commands), str(codes)) == ""
    names = [command[0] for command in commands]
    found = dict(zip(names, json.loads(codes.read_text()), strict=True))
    failed_verdict = found.pop("evaluate")  # of a network that was trained for a moment
    assert failed_verdict in (0, 1)
    assert set(found.values()) == {0}, found


@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
        "import subprocess, sys; subprocess.run([sys.executable, '-c',"
        " 'import socket; socket.getaddrinfo(str(1), 2)'])",
    ],
)
def test_network_is_seen_to_be_reached_for(program: str, tmp_path: Path) -> None:
    assert "socket." in run_watched(tmp_path, "-c", program)
