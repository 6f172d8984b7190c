"""Commands on copies of a run, and what may be there when one was cut short."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Export
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Epoch, Training
from artifacts.verification import checked_links
from errors import ArtifactError
from storage.temporary import TEMPORARY_PREFIX
from trainers.checkpoints import load_resume_state

OLD, BETWEEN, NEW = "as before", "the record withdrawn", "done"


@dataclass(frozen=True)
class Command:
    """A command on a copy of `evaluated_run`.

    Attributes:
        words: without the run.
        without: what is not in the copy, so that nothing in it speaks of what the command replaces.
        may_withdraw: the record that may be gone after a kill.
    """

    words: tuple[str, ...]
    without: tuple[str, ...] = ()
    may_withdraw: str | None = None


_EXPORTED = ("model.onnx", "model.int8.onnx", "reference.npz", "export.json", "evaluations")
COMMANDS = {
    "train": Command(
        ("train", "--model", "mlp", "--epochs", "3", "--seed", "7", "--dataset", "DATASET"),
        without=_EXPORTED,
        may_withdraw="training.json",
    ),
    "export": Command(("export", "--probabilities"), without=("evaluations",)),
    "export --precision int8": Command(
        ("export", "--precision", "int8", "--calibration", "entropy"), without=("evaluations",)
    ),
    "evaluate": Command(("evaluate", "--no-latency")),
    "report": Command(("report", "RUN")),
}


def words_of(command: Command, run: Path, dataset: Path) -> list[str]:
    words = [{"DATASET": str(dataset), "RUN": str(run)}.get(word, word) for word in command.words]
    return words if "RUN" in command.words else [*words, "--run", str(run)]


def copy_of(run: Path, command: Command, target: Path) -> RunDirectory:
    """A fresh copy, in the place of one that was there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run, target, ignore=shutil.ignore_patterns(*command.without))
    return RunDirectory(target)


def contents(run: RunDirectory) -> dict[str, bytes]:
    """All files but what `remove_leftovers` is there for."""
    return {
        str(path.relative_to(run.root)): path.read_bytes()
        for path in run.root.rglob("*")
        if path.is_file() and TEMPORARY_PREFIX not in str(path.relative_to(run.root))
    }


def require_whole(run: RunDirectory, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    """Every file is the old or the new one, byte for byte or, where it has times in it, by form."""
    for name, content in contents(run).items():
        path = run.root / name
        if content in (old.get(name), new.get(name)):
            continue
        if name == "training.json":
            read_record(path, Training)
        elif name == "export.json":
            read_record(path, Export)
        elif name.startswith("evaluations/"):
            read_record(path, Evaluation)
        elif name == "history.jsonl":
            for line in content.splitlines():
                Epoch.model_validate_json(line)
        elif name == "resume.pt":
            load_resume_state(path)
        elif name == "report.html":
            assert content.startswith(b"<!doctype html>")
            assert content.endswith(b"</html>")
        else:
            raise AssertionError(f"{name} is neither the old nor the new one")


def outcome(run: RunDirectory, command: Command, old: dict[str, bytes]) -> str:
    """What the kill came to; every link of the chain that is there must hold."""
    if command.may_withdraw and not (run.root / command.may_withdraw).exists():
        with pytest.raises(ArtifactError, match="no finished training here"):
            checked_links(run)
        return BETWEEN
    broken = [link for link in checked_links(run) if link.holds is False]
    assert broken == []
    now, before = contents(run), dict(old)
    for there in (now, before):
        there.pop("resume.pt", None)  # it changes on the way
    if now == before:
        return OLD
    return NEW if now.keys() >= before.keys() else BETWEEN
