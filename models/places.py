"""Which line of a network's own code an error is about.

A traceback through torch's tracer and exporter has a hundred lines, of which one was written by
the author of the network: the innermost in a file of theirs. Where the whole network is
torchvision's or timm's, it is the innermost there.
"""

import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import fx, nn

_ROOT = Path(__file__).resolve().parent.parent
_ROOMS = {"artifacts", "commands", "data", "evaluate", "export", "models", "report", "trainers"}
_OURS = _ROOMS | {"cli.py", "errors.py"}
_MACHINERY = {"torch", "torchgen", "functorch", "onnx", "onnxscript", "onnx_ir", "numpy", "sympy"}
_INSTALLED = {"site-packages", "dist-packages"}
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
_TORCH = Path(torch.__file__).resolve().parent
_FRAME = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>[^\n]+)')


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line of a file, in a function."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """Return it as an error tells it, with the line's own text where the file has it."""
        text = linecache.getline(self.file, self.line).strip()
        source = f" (`{text}`)" if text else ""
        return f"at {_shown(Path(self.file))}:{self.line} in {self.function}{source}"


def _shown(path: Path) -> Path | str:
    """Return a path as the user knows it: from here, or from the library's name on."""
    for number, part in enumerate(path.parts):
        if part in _INSTALLED:  # an environment may well lie below the current directory
            return Path(*path.parts[number + 1 :])
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name


def place_of_error(error: BaseException, module: nn.Module) -> Place | None:
    """Return the line of the network's code that an error of tracing or translating is about.

    That is the one that an operator was traced from, else the one that was running, else the
    first of the network's forward; None where all of it is torch's.
    """
    node = traced_node(error)
    if node is not None and (place := _innermost(_frames_of_node(node))):
        return place
    for each in reversed(chain_of(error)):
        if place := place_of_traceback(each):
            return place
    return place_of_forward(module)


def place_of_traceback(error: BaseException) -> Place | None:
    """Return the line of a network's code that was running when the error was raised."""
    return _innermost(traceback.extract_tb(error.__traceback__))


def place_of_forward(module: nn.Module) -> Place | None:
    """Return where the outermost module that is neither torch's nor ours has its forward."""
    for each in module.modules():
        code = getattr(type(each).forward, "__code__", None)
        if code is not None and owner_of(code.co_filename):
            return Place(file=code.co_filename, line=code.co_firstlineno, function=code.co_name)
    return None


def chain_of(error: BaseException) -> tuple[BaseException, ...]:
    """Return the error and what it came from, the first cause last."""
    chain: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in chain:
        chain.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return tuple(chain)


def traced_node(error: BaseException) -> fx.Node | None:
    """Return the operation of the traced graph that was being translated, if one was.

    torch's exporter names it only inside a message; the frame that raised still has it.
    """
    found = None
    for each in chain_of(error):
        for frame, _ in traceback.walk_tb(each.__traceback__):
            node = frame.f_locals.get("node", frame.f_locals.get("n"))
            found = node if isinstance(node, fx.Node) else found
    return found


def _frames_of_node(node: fx.Node) -> Iterator[traceback.FrameSummary]:
    """Yield the frames that an operation was traced from, where torch kept them."""
    for found in _FRAME.finditer(str(node.meta.get("stack_trace") or "")):
        yield traceback.FrameSummary(found["file"], int(found["line"]), found["function"])


def _innermost(frames: Iterable[traceback.FrameSummary]) -> Place | None:
    """Return the innermost frame of the author's own files, else of a library of networks."""
    place, in_library = None, True
    for frame in frames:
        owner = owner_of(frame.filename)
        if frame.lineno is None or owner is None or (owner == "library" and not in_library):
            continue
        place = Place(file=frame.filename, line=frame.lineno, function=frame.name)
        in_library = owner == "library"
    return place


def owner_of(file: str) -> Literal["author", "library"] | None:
    """Return who wrote a file: the network's author, a library of networks, or the machinery."""
    if file.startswith("<"):  # code that was made at run time
        return None
    path = Path(file).resolve()
    for number, part in enumerate(path.parts):
        if part in _INSTALLED:
            return None if path.parts[number + 1] in _MACHINERY else "library"
    if path.is_relative_to(_ROOT):
        return None if path.relative_to(_ROOT).parts[0] in _OURS else "author"
    is_machinery = path.is_relative_to(_STANDARD_LIBRARY) or path.is_relative_to(_TORCH)
    return None if is_machinery else "author"
