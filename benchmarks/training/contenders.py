"""Who trains, and how each is started: a process of its own that waits for its turn."""

import contextlib
import math
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from artifacts.environment import usable_cpus
from benchmarks.answering import Answer
from benchmarks.child import Child, MissingContenderError
from benchmarks.environments import ready_interpreter

OURS, BARE, DATA_LOADER = "ours", "bare loop", "DataLoader"
LIGHTNING, KERAS = "Lightning", "Keras fit"
IN_TORCH = (OURS, "ours, from disk", BARE, DATA_LOADER, "DataLoader, 2 workers")
ARITHMETIC = "arithmetic alone"
# Of what does not run in our own environment: which one, and the module that is started in it.
_ELSEWHERE = {
    LIGHTNING: ("others", "benchmarks.training.lightning_fit"),
    KERAS: ("keras", "benchmarks.training.keras_fit"),
}


class Contender:
    """A process that trains, and what its epochs came to.

    Attributes:
        facts: versions, and the number of the network's parameters.
        epochs: an answer each, the first one of the round that does not count.
        lost: why there are no more, in one line.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self.facts = child.facts
        self.epochs: list[Answer] = []
        self.lost: str | None = None

    def epoch(self) -> float:
        """Train an epoch and return its seconds; not a number if the process has ended."""
        if self.lost is None:
            try:
                self.epochs.append(self._child.ask(do="epoch"))
            except MissingContenderError as error:  # the others are worth measuring all the same
                self.lost = str(error)
        return math.nan if self.lost else float(self.epochs[-1]["seconds"])


@dataclass(frozen=True, kw_only=True)
class Started:
    """Contenders by their names, and why others are missing."""

    contenders: dict[str, Contender]
    missing: dict[str, str]


@contextlib.contextmanager
def started(names: Iterable[str], folder: Path, *, install: bool) -> Iterator[Started]:
    """Yield the contenders, ready to train; they end with the block.

    Args:
        names: of those in torch_loops, and of those elsewhere.
        folder: the material.
        install: whether environments that are not there may be installed.
    """
    contenders, missing = {}, {}
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(usable_cpus()) as starter:
        starting = {name: starter.submit(_child, name, folder, install) for name in names}
        for name, child in starting.items():
            try:
                contenders[name] = Contender(stack.enter_context(child.result()))
            except MissingContenderError as error:
                missing[name] = str(error)
        yield Started(contenders=contenders, missing=missing)


def _child(name: str, folder: Path, install: bool) -> Child:
    if name not in _ELSEWHERE:
        return Child(Path(sys.executable), "benchmarks.training.torch_loops", name, str(folder))
    environment, module = _ELSEWHERE[name]
    python, reasons = ready_interpreter(environment, make=install)
    if python is None:
        raise MissingContenderError(reasons[environment])
    return Child(python, module, str(folder))
