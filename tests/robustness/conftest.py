import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer

NoteOutcomes = Callable[[str, Counter[str]], None]
_COUNTED = pytest.StashKey[dict[str, Counter[str]]]()


@pytest.fixture(scope="session")
def mutation_count(request: pytest.FixtureRequest) -> int:
    """How many damaged copies of each file are tried."""
    count: int = request.config.getoption("--mutations")
    return count


@pytest.fixture(scope="session")
def kill_count(request: pytest.FixtureRequest) -> int:
    """How often each command is killed."""
    count: int = request.config.getoption("--kills")
    return count


@pytest.fixture(scope="session")
def note_outcomes(request: pytest.FixtureRequest) -> NoteOutcomes:
    """Take down what came of the damages of one kind of file, or the kills of one command."""

    def note(name: str, outcomes: Counter[str]) -> None:
        request.config.stash.setdefault(_COUNTED, {}).setdefault(name, Counter()).update(outcomes)

    return note


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, cache_home: None) -> Iterator[ForkServer]:
    """Commands in processes that start at once."""
    server = ForkServer(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    counted = config.stash.get(_COUNTED, {})
    if counted:
        terminalreporter.section("faults")
    for name, outcomes in counted.items():
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        terminalreporter.write_line(f"{name}: {told}")
    path: Path | None = config.getoption("--counts")
    if path is not None:
        path.write_text(json.dumps(counted, indent=2, sort_keys=True) + "\n")
