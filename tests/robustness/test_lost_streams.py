"""What the main commands print finds no reader, or no place; files and exit codes are the same."""

from pathlib import Path

import pytest

from tests.robustness.fork_server import ForkServer
from tests.robustness.interrupted import COMMANDS, copy_of, words_of

SEVERAL = {
    **{name: COMMANDS[name].words for name in ("train", "evaluate")},
    "verify": ("verify", "RUN", "--no-recompute"),
    "compare": ("compare", "RUN"),
    "datasets": ("datasets", "--json"),
    "help": ("train", "--help"),
}


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize(
    "streams",
    [{"stdout": "gone"}, {"stdout": "closed"}, {"stderr": "gone"}, {"stderr": "closed"}],
    ids=str,
)
def test_reader_that_is_gone_changes_nothing(
    name: str,
    streams: dict[str, str],
    server: ForkServer,
    evaluated_run: Path,
    tiny_npz: Path,
    tmp_path: Path,
) -> None:
    run = copy_of(evaluated_run, COMMANDS["evaluate"], tmp_path / "run")
    ended = server.run(words(name, run.root, tiny_npz), tmp_path, **streams)
    assert ended.status in (0, 1), ended
    assert "error" not in ended.errors, ended


@pytest.mark.parametrize("name", ["evaluate", "verify", "compare", "help"])
def test_output_that_has_no_place_is_told_in_one_line(
    name: str, server: ForkServer, evaluated_run: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    run = copy_of(evaluated_run, COMMANDS["evaluate"], tmp_path / "run")
    ended = server.run(words(name, run.root, tiny_npz), tmp_path, stdout="/dev/full")
    assert ended.status == 5, ended
    assert ended.errors.count("error: ") == 1
    assert "error: standard output: No space left on device" in ended.errors
    assert "Traceback" not in ended.errors


def words(name: str, run: Path, dataset: Path) -> list[str]:
    if name in COMMANDS:
        return words_of(COMMANDS[name], run, dataset)
    return [str(run) if word == "RUN" else word for word in SEVERAL[name]]
