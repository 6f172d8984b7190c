from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from artifacts.chain import trained_network
from artifacts.run_directory import RunDirectory
from models import build
from models.foreign_weights import load_foreign, read_weights
from models.pickled_weights import convert
from models.weights import load_weights
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, outcomes_of_damage
from tests.trainers.runs import train
from trainers.checkpoints import load_resume_state


def network() -> nn.Module:
    torch.manual_seed(0)
    return build("logistic", num_classes=3, in_channels=1, image_size=(8, 8)).network


def sha256_of_tensors(content: Any) -> str:
    """Return the hash of all that a nest of dicts and lists of tensors and values holds."""
    if isinstance(content, torch.Tensor):
        told = f"{content.dtype} {tuple(content.shape)}".encode()
        return sha256(told + content.contiguous().numpy().tobytes()).hexdigest()
    if isinstance(content, dict):
        content = [(key, sha256_of_tensors(value)) for key, value in sorted(content.items())]
    elif isinstance(content, list | tuple):
        content = [sha256_of_tensors(value) for value in content]
    return sha256(repr(content).encode()).hexdigest()


def weights_of_run(path: Path) -> str:
    """Return the hash of the run's weights, the file being in the place of its own."""
    run = RunDirectory(path.parent)
    whole = run.weights.read_bytes()
    try:
        run.weights.write_bytes(path.read_bytes())
        trained = trained_network(run)
        loaded = build(**trained.model.model_dump())
        load_weights(run.weights, loaded)
    finally:
        run.weights.write_bytes(whole)
    return sha256_of_tensors(loaded.state_dict())


def test_damaged_weights_of_a_run_are_refused(
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mutation_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(tiny_npz, tmp_path / "run", model="logistic", epochs=1) == 0
    path = tmp_path / "run" / "weights.safetensors"
    found = outcomes_of_damage(weights_of_run, path, mutation_count, exit_codes=(4,))
    note_outcomes("weights.safetensors", found)
    assert found == {REFUSED: mutation_count}


def shapes_in(path: Path) -> list[str]:
    """Return what is in a network that took foreign weights, but the numbers.

    Of a file of safetensors nothing says which numbers were in it: it has no checksum.
    """
    taking = network()
    load_foreign(read_weights(path), taking)
    return [f"{name} {tensor.shape}" for name, tensor in taking.state_dict().items()]


def test_damaged_foreign_safetensors_are_refused_or_fit_the_network(
    tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = tmp_path / "net.safetensors"
    save_file(network().state_dict(), path)
    found = outcomes_of_damage(shapes_in, path, mutation_count, exit_codes=(4,))
    note_outcomes("foreign safetensors", found)
    assert found[REFUSED] > mutation_count / 2


def tensors_converted(path: Path) -> str:
    """Return the hash of all tensors that the child would hand on; it is not started for each."""
    target = path.with_name("converted.safetensors")
    target.unlink(missing_ok=True)
    convert(str(path), str(target))
    return sha256(target.read_bytes()).hexdigest()


def test_damaged_foreign_archive_is_refused_or_holds_the_same_tensors(
    tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = tmp_path / "net.pt"
    torch.save({"state_dict": network().state_dict(), "epoch": 3}, path)
    found = outcomes_of_damage(tensors_converted, path, mutation_count, exit_codes=(4,))
    note_outcomes("foreign .pt", found)
    assert found[REFUSED] > mutation_count / 2


def names_converted(path: Path) -> str:
    """Return nothing that a flipped bit may change unseen: bare pickles have no checksum."""
    tensors_converted(path)
    return "read"


def test_damaged_foreign_pickle_is_refused_or_read(
    tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = tmp_path / "net.pt"
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=False)
    found = outcomes_of_damage(names_converted, path, mutation_count)
    note_outcomes("foreign .pt, before torch 1.6", found)
    assert found[REFUSED] > mutation_count / 3


def state_in(path: Path) -> str:
    """Return the hash of all that a training goes on from."""
    return sha256_of_tensors(vars(load_resume_state(path)))


def test_damaged_resume_state_is_refused(
    finished_run: Path, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    path = tmp_path / "resume.pt"
    path.write_bytes((finished_run / "resume.pt").read_bytes())
    found = outcomes_of_damage(state_in, path, mutation_count, exit_codes=(4,))
    note_outcomes("resume.pt", found)
    assert found == {REFUSED: mutation_count}
