"""Work that may crash, hang or take all memory, done in a process of its own.

Libraries that are compiled can divide by zero, run off an array or never return, and then the whole
process is lost. Here it is a child that is lost: it has a limit on time and, where the system knows
such limits (POSIX), on memory, and it does not outlive its parent (Linux).
"""

import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import errors
from errors import OnnxproofError
from storage.temporary import temporary_directory

_ROOT = Path(__file__).parent.parent
# -P: nothing of the working directory is imported.
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from untrusted.child import main; main()"
_RESULT = "result.json"
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl(2)
_CPU_TIME = "SIGXCPU"  # of the limit that `_limit_itself` sets


class ChildError(Exception):
    """The child did not come to a result; the text says what ended it."""


class ChildLimitError(ChildError):
    """It wanted more time or memory than it was allowed."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may take.

    Attributes:
        seconds: of the clock, and about as much of all its threads' CPU time for each CPU.
        memory_bytes: beyond what it has when it begins to work; None: no limit.
    """

    seconds: float
    memory_bytes: int | None


def result_in_child(function: str, arguments: Mapping[str, object], limits: Limits) -> Any:
    """Return what a function returned that ran in a process of its own.

    Args:
        function: MODULE:NAME. Importing the module is not held to the limit on memory.
        arguments: JSON values by name; the result must be JSON too.
        limits: of the work.

    Raises:
        OnnxproofError: what the function itself raised.
        ChildLimitError: it ran too long, or wanted too much memory.
        ChildError: it crashed, or raised something else.
    """
    with temporary_directory() as directory:
        order = {"function": function, "arguments": arguments, "limits": vars(limits)}
        (directory / "order.json").write_text(json.dumps(order))
        ended = _ended(directory, limits)
        result = directory / _RESULT
        if not result.is_file():
            raise _cause(ended, limits)
        answer = json.loads(result.read_bytes())
    if "error" in answer:
        kind = getattr(errors, answer["error"])
        raise kind(answer["subject"], answer["problem"], hint=answer["hint"])
    if "limit" in answer:
        raise ChildLimitError(answer["limit"])
    if "failure" in answer:
        raise ChildError(answer["failure"])
    return answer["value"]


def _ended(directory: Path, limits: Limits) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-P", "-c", _PROGRAM, str(_ROOT), str(directory)]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:  # which has killed it
        raise ChildLimitError(_too_long(limits)) from None


def _cause(ended: "subprocess.CompletedProcess[bytes]", limits: Limits) -> ChildError:
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        if name == _CPU_TIME:
            return ChildLimitError(_too_long(limits))
        return ChildError(f"crashed ({name})")
    said = ended.stderr.decode(errors="replace").strip().splitlines()
    return ChildError(
        f"ended with status {ended.returncode}: {said[-1] if said else 'nothing was printed'}"
    )


def _too_long(limits: Limits) -> str:
    return f"was not done after {limits.seconds:g} seconds"


def main() -> None:
    """Do what the parent ordered: the other side of `result_in_child`."""
    _die_with_parent()
    directory = Path(sys.argv[2])
    order = json.loads((directory / "order.json").read_bytes())
    module, _, name = order["function"].partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    limits = Limits(**order["limits"])
    _limit_itself(limits)
    answer: dict[str, object]
    try:
        answer = {"value": function(**order["arguments"])}
    except OnnxproofError as error:
        answer = {
            "error": type(error).__name__,
            "subject": error.subject,
            "problem": error.problem,
            "hint": error.hint,
        }
    except MemoryError:
        answer = {"limit": _too_much(limits)}
    except Exception as error:
        answer = {"failure": " ".join(str(error).split()) or type(error).__name__}
    # Renamed, so that what is there is whole.
    part = directory / "part"
    part.write_text(json.dumps(answer))
    part.rename(directory / _RESULT)


def _too_much(limits: Limits) -> str:
    if limits.memory_bytes is None:
        return "ran out of memory"
    return f"wanted more memory than the {limits.memory_bytes:,} bytes that it may take"


def _die_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _limit_itself(limits: Limits) -> None:
    if sys.platform == "win32":
        return
    import os
    import resource

    # The parent watches the clock. This is for where it no longer can, having been killed.
    cpu_seconds = int(limits.seconds * (os.cpu_count() or 1)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash that is expected leaves no file
    statm = Path("/proc/self/statm")
    if limits.memory_bytes is not None and statm.is_file():
        mapped = int(statm.read_text().split()[0]) * resource.getpagesize()
        most = mapped + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
