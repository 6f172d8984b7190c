"""Damaged ONNX files, the weights beside them, and the reference that they are held against."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import onnx

from artifacts.chain import exported_network
from artifacts.files import sha256_of_file
from artifacts.logits import load_reference
from artifacts.run_directory import RunDirectory
from evaluate.foreign import tried_file
from evaluate.graph_input import InputOptions
from evaluate.session_options import SessionOptions
from tests.evaluate.onnx_files import linear_nodes, write_model
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, UNCHANGED, outcomes_of_damage

# Nobody recorded what a stranger's file should be: a weight of which a bit has changed is a weight.
ANOTHER = "another model, told by its sha256"
SESSION = SessionOptions(timeout_seconds=30)


def is_told_by_its_hash(path: Path) -> bool:
    """Try a file of a stranger; return whether the record has the hash of what was tried."""
    tried = tried_file(path, InputOptions(), SESSION)
    return tried.model.onnx_sha256 == sha256_of_file(path)


def are_weights_told_by_their_hash(path: Path) -> bool:
    """The same for a file of weights, whose ONNX file lies beside it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shutil.copyfile(path.with_name("linear.onnx"), directory / "linear.onnx")
        shutil.copyfile(path, directory / "weights")
        tried = tried_file(directory / "linear.onnx", InputOptions(), SESSION)
    return tried.model.external_data == {"weights": sha256_of_file(path)}


def of_strangers(found: Counter[str]) -> Counter[str]:
    return Counter({REFUSED: found[REFUSED], ANOTHER: found[UNCHANGED]})


def test_damaged_file_of_a_stranger_is_refused_or_another_model(
    tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = write_model(tmp_path / "linear.onnx", linear_nodes())
    found = outcomes_of_damage(is_told_by_its_hash, path, mutation_count)
    note_outcomes("ONNX", of_strangers(found))
    assert found[REFUSED] > 0


def test_damaged_weights_beside_a_file_are_refused_or_other_weights(
    tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = write_model(tmp_path / "linear.onnx", linear_nodes())
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    found = outcomes_of_damage(are_weights_told_by_their_hash, tmp_path / "weights", mutation_count)
    note_outcomes("ONNX, external data", of_strangers(found))
    assert found[REFUSED] > 0


def sha256_of_exported(path: Path) -> str:
    """Open a run, a copy of the one that the file lies in, with the file in its own place."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name, "run")
        shutil.copytree(path.parent, copy)
        shutil.copyfile(path, copy / path.name.removeprefix("damaged-"))
        return exported_network(RunDirectory(copy), "float32").variant.onnx_sha256


def test_damaged_file_of_a_run_is_refused_by_its_hash(
    finished_run: Path, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    for name in ("model.onnx", "reference.npz"):
        path = tmp_path / "run" / name
        found = outcomes_of_damage(sha256_of_exported, path, mutation_count, exit_codes=(4,))
        note_outcomes(f"{name} of a run", found)
        assert found == {REFUSED: mutation_count}


def reference_in(path: Path) -> tuple[bytes, ...]:
    """Return what is read of a reference, by the checksums of its archive alone."""
    found = load_reference(path)
    hashes = (found.dataset_sha256, found.split_sha256, found.checkpoint_sha256)
    arrays = (found.float32_NK, found.float64_NK)
    parts = [f"{array.shape}".encode() + array.tobytes() for array in arrays]
    return (*(each.encode() for each in hashes), *parts)


def test_damaged_reference_is_noticed_without_its_record_too(
    finished_run: Path, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    shutil.copyfile(finished_run / "reference.npz", tmp_path / "reference.npz")
    path = tmp_path / "reference.npz"
    found = outcomes_of_damage(reference_in, path, mutation_count, seed=1, exit_codes=(4,))
    note_outcomes("reference.npz alone", found)
