import shutil
import tempfile
from pathlib import Path

import pytest

from artifacts.evaluation_records import Evaluation
from artifacts.export_records import Export
from artifacts.json_records import Record, read_record, write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Imported, InitialWeights, Normalization, Recipe, Training
from report.reading import read_run
from tests.artifacts.conftest import ENVIRONMENT, RECIPE
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, outcomes_of_damage

KINDS: dict[str, type[Record]] = {
    "recipe.json": Recipe,
    "training.json": Training,
    "imported.json": Imported,
    "export.json": Export,
    "float32-cpu.json": Evaluation,
    "int8-cpu.json": Evaluation,
}
IMPORTED = Imported(
    model=RECIPE.model,
    classes=RECIPE.dataset.classes,
    dataset=RECIPE.dataset,
    normalization=Normalization(mean=(0.0,), std=(255.0,)),
    source=InitialWeights(file="/theirs.pt", sha256="a" * 64),
    checkpoint="weights.safetensors",
    checkpoint_sha256="b" * 64,
    parameters=1,
    environment=ENVIRONMENT,
    command="cli.py export",
)


def record_in(path: Path) -> str:
    """Return all that the record says."""
    kind = KINDS[path.name.removeprefix("damaged-")]
    return read_record(path, kind).to_json()


@pytest.mark.parametrize("name", KINDS)
def test_damaged_record_is_refused_or_says_the_same(
    name: str,
    evaluated_run: Path,
    tmp_path: Path,
    mutation_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    path = tmp_path / name
    if name == "imported.json":
        write_record(path, IMPORTED)
    else:
        (written,) = evaluated_run.rglob(name)
        shutil.copyfile(written, path)
    found = outcomes_of_damage(record_in, path, mutation_count, exit_codes=(4,))
    note_outcomes(name, found)
    assert found[REFUSED] > mutation_count / 2


def epochs_in_run(path: Path) -> str:
    """Return the epochs that a report tells of a run with this history in the place of its own."""
    with tempfile.TemporaryDirectory() as directory:
        run = Path(directory, "run")
        shutil.copytree(path.parent, run, ignore=shutil.ignore_patterns("damaged-*"))
        shutil.copyfile(path, run / "history.jsonl")
        return repr(read_run(RunDirectory(run), "run").history)


def test_damaged_history_is_refused(
    finished_run: Path, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    path = run / "history.jsonl"
    found = outcomes_of_damage(epochs_in_run, path, mutation_count, exit_codes=(4,))
    note_outcomes("history.jsonl", found)
    assert found == {REFUSED: mutation_count}
