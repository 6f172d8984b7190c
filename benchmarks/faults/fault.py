"""One fault, and how it is tried on a bare library."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from errors import OnnxproofError
from untrusted.child import ChildError, Limits, result_in_child

Area = Literal["data", "weights and records", "ONNX files", "processes and disks", "server"]
LIMITS = Limits(seconds=30, memory_bytes=4 << 30)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What can go wrong, and what is done about it.

    Attributes:
        area: a section of the page.
        name: what is wrong.
        raw: makes it happen to a bare library, in a directory whose name it is given, and returns
            what came of it in a few words. It may raise, crash or hang: it runs in a child.
        library: which one, and which call of it.
        ours: what onnxproof does.
        test: that shows it: FILE::FUNCTION.
    """

    area: Area
    name: str
    raw: Callable[[str], str]
    library: str
    ours: str
    test: str


def outcome_of(fault: Fault) -> str:
    """Return what the bare library does, in one line."""
    function = f"{fault.raw.__module__}:{fault.raw.__qualname__}"
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as directory:
        try:
            result: str = result_in_child(function, {"directory": directory}, LIMITS)
        except (ChildError, OnnxproofError) as error:
            return _short(str(error).replace(directory, "DIRECTORY"))
    return _short(result)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:157]}..."
