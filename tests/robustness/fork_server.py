"""Commands in child processes that start at once, and may be killed at any moment.

To start Python and load torch takes seconds. The server does it once and forks for each command;
before anything of torch or ONNX Runtime has made a thread, which a fork would lose. Where the
system lets us (`unshare`), it lives in a mount namespace of its own, in which it may mount small
disks; other processes see these below /proc/PID/root.

Run as a program this file is the server: orders come as lines of JSON, and so do the results.
"""

import contextlib
import importlib
import json
import mmap
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 120.0
# What commands import when they are called.
LOADED = (
    *("torch", "torch.onnx", "torch._dynamo", "torch.onnx._internal.exporter._core"),
    *("torch.onnx._internal.exporter._onnx_program", "torch.utils.data", "onnxscript"),
    *("torch._decomp.decompositions", "torchvision"),
    *("onnxruntime.quantization", "onnx.checker", "onnx.shape_inference", "sklearn.datasets"),
    *("scipy.stats", "matplotlib.figure", "matplotlib.backends.backend_svg", "jinja2"),
    *("matplotlib.backends.backend_agg", "rich.progress", "safetensors.torch", "platformdirs"),
    *("commands.training_steps", "commands.export_steps", "commands.evaluation_steps"),
    *("commands.report_steps", "commands.verify", "commands.compare", "commands.predict"),
    *("commands.pipeline", "commands.datasets", "trainers.train", "trainers.plan"),
    *("export.export", "export.imported", "evaluate.evaluation", "evaluate.subject"),
    *("report.contents", "report.page_writer", "report.overview", "report.reading"),
)
UNSHARE = ("unshare", "-rm")
MOUNT = ("mount", "-t", "tmpfs", "-o")
STOPS = {signal.SIGINT, signal.SIGTERM}
FILLER = "filler"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True, kw_only=True)
class Order:
    """A command, and what happens to it.

    Attributes:
        arguments: of cli.py.
        directory: that it runs in.
        signals: seconds after it began to listen to them, and the number of the signal.
        signals_from: seconds are counted from when this is on its standard error.
        dies_at_change: it is killed right before its n-th change of a directory, the first being 1:
            making, renaming or removing a file or directory, or opening one to write.
        fills_at_change: the disk of `directory` is filled before such a change.
        stdout: a path; or "closed", or "gone" for a pipe that nobody reads.
        stderr: the same; None: it is returned.
        environment: to be added.
    """

    arguments: Sequence[str]
    directory: str
    signals: Sequence[tuple[float, int]] = ()
    signals_from: str | None = None
    dies_at_change: int | None = None
    fills_at_change: int | None = None
    stdout: str = os.devnull
    stderr: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit code, or minus the number of the signal that ended it.
        seconds: that it took.
        changes: that it made, or began to make, as `Order.dies_at_change` counts.
        errors: what it wrote on standard error.
    """

    status: int
    seconds: float
    changes: int
    errors: str


class ForkServer:
    """The server, as a test sees it."""

    def __init__(self, directory: Path) -> None:
        self._errors = directory / "errors.txt"
        self.why_no_mounts = _why_no_mounts(directory)
        prefix = [] if self.why_no_mounts else list(UNSHARE)
        self._process = subprocess.Popen(
            [*prefix, sys.executable, str(Path(__file__)), str(self._errors)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )

    def run(self, arguments: Sequence[str], directory: Path, **what_happens: Any) -> Ended:
        """Return how a command ended; see `Order`."""
        order = Order(arguments=arguments, directory=str(directory), **what_happens)
        return Ended(**self._asked(asdict(order)))

    @contextlib.contextmanager
    def mounted(self, place: Path, size_bytes: int) -> Iterator[Path]:
        """Mount a small disk at an empty directory; give its path as others see it."""
        self._asked({"mount": [f"size={size_bytes}", str(place)]})
        try:
            yield Path(f"/proc/{self._process.pid}/root", place.relative_to("/"))
        finally:
            self._asked({"unmount": str(place)})

    def make_read_only(self, place: Path) -> None:
        """Let nothing be written any more on a mounted disk."""
        self._asked({"mount": ["remount,ro", str(place)]})

    def close(self) -> None:
        """End the server."""
        self._process.communicate(timeout=30)

    def _asked(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(self._process.stdout.readline())
        return result


def _why_no_mounts(directory: Path) -> str | None:
    """Return why no small disk can be mounted here; None where one can."""
    place = directory / "mount"
    place.mkdir()
    command = [*UNSHARE, *MOUNT, "size=1m", "none", str(place)]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return None if tried.returncode == 0 else tried.stderr.strip() or f"exit {tried.returncode}"


def _serve(errors: Path) -> None:
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    results = os.fdopen(os.dup(1), "w")  # commands have 1 and 2 for themselves
    for line in sys.stdin:
        order = json.loads(line)
        result: dict[str, Any] = {}
        if "mount" in order:
            options, place = order["mount"]
            subprocess.run([*MOUNT, options, "none", place], check=True)
        elif "unmount" in order:
            subprocess.run(["umount", order["unmount"]], check=True)
        else:
            result = asdict(_ended(Order(**order), errors))
        results.write(json.dumps(result) + "\n")
        results.flush()


def _ended(order: Order, errors: Path) -> Ended:
    changes = mmap.mmap(-1, 8)  # shared with the child
    errors.write_bytes(b"")
    child = os.fork()
    if child == 0:
        try:
            _become_the_command(order, changes, errors)
        except BaseException:
            errors.write_text(traceback.format_exc())
        finally:
            os._exit(121)  # not reached
    while not (_caught_signals(child) >= STOPS or _has_ended(child)):
        time.sleep(0.001)
    start = time.monotonic()
    began = None if order.signals_from else start
    signals = sorted(order.signals)
    status = None
    while status is None:
        pid, found = os.waitpid(child, os.WNOHANG)
        now = time.monotonic()
        if pid:
            status = os.waitstatus_to_exitcode(found)
        elif began is None and str(order.signals_from) in errors.read_text(errors="replace"):
            began = now
        elif began is not None and signals and now >= began + signals[0][0]:
            os.kill(child, signals.pop(0)[1])
        elif now > start + MOST_SECONDS:
            os.kill(child, signal.SIGKILL)
        else:
            time.sleep(0.001)
    return Ended(
        status=status,
        seconds=time.monotonic() - start,
        changes=int.from_bytes(changes[:], "little"),
        errors=errors.read_text(errors="replace") if order.stderr is None or status == 121 else "",
    )


def _caught_signals(process: int) -> set[int]:
    """Return the signals that a process has handlers for (proc(5), `SigCgt`)."""
    status = Path(f"/proc/{process}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return {number for number in signal.valid_signals() if int(caught, 16) >> (number - 1) & 1}


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _become_the_command(order: Order, changes: mmap.mmap, errors: Path) -> None:
    import torch

    from commands.main import main

    os.environ.update(order.environment)
    _redirect(0, os.devnull)
    _redirect(1, order.stdout)
    _redirect(2, order.stderr or str(errors))
    sys.stdin, sys.stdout, sys.stderr = _text(0, "r"), _text(1, "w"), _text(2, "w")
    os.chdir(order.directory)
    sys.argv = ["cli.py", *order.arguments]
    torch.set_num_threads(1)
    _count_changes(order, changes)
    code = main(order.arguments)
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        code = 120  # as Python's own end
    os._exit(code)


def _text(descriptor: int, mode: str) -> Any:
    """What Python makes of a standard stream when it starts: none of one that is closed."""
    try:
        buffering = 1 if descriptor == 2 else -1
        return os.fdopen(descriptor, mode, buffering, closefd=False)
    except OSError:
        return None


def _redirect(descriptor: int, target: str) -> None:
    if target == "closed":
        os.close(descriptor)
        return
    if target == "gone":
        reader, opened = os.pipe()
        os.close(reader)
    else:
        opened = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


def fill(directory: Path) -> None:
    """Leave no byte of the directory's disk free."""
    descriptor = os.open(directory / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, bytes(4096))
    os.close(descriptor)


def _count_changes(order: Order, changes: mmap.mmap) -> None:
    count = 0

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        ):
            count += 1
            changes[:] = count.to_bytes(8, "little")
            if count == order.dies_at_change:
                os.kill(os.getpid(), signal.SIGKILL)
            if count == order.fills_at_change:
                fill(Path(order.directory))

    sys.addaudithook(on_event)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
