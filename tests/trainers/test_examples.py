import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Training
from tests.trainers.runs import differences, train
from trainers.examples import (
    CHUNKS_AHEAD,
    Examples,
    ExamplesInMemory,
    ExamplesOnDisk,
    examples_from_split,
)
from untrusted.memory import available_memory_bytes

CPU = torch.device("cpu")
INDICES = np.arange(3, 60, 2)


def examples(folder: Path, memory_bytes: int | None) -> Examples:
    random = np.random.default_rng(0)
    np.save(folder / "images.npy", random.integers(0, 256, (70, 2, 5, 4)).astype(np.uint8))
    images = np.load(folder / "images.npy", mmap_mode="r")
    return examples_from_split(images, np.arange(70), INDICES, CPU, memory_bytes=memory_bytes)


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_examples_are_in_memory_when_they_fit_and_else_on_disk(tmp_path: Path) -> None:
    size = len(INDICES) * 2 * 5 * 4
    assert isinstance(examples(tmp_path, size), ExamplesInMemory)
    assert isinstance(examples(tmp_path, size - 1), ExamplesOnDisk)
    assert isinstance(examples(tmp_path, None), ExamplesInMemory)
    assert available_memory_bytes() > 2 * size


def test_examples_on_disk_are_those_in_memory_in_the_same_order(tmp_path: Path) -> None:
    parts = torch.randperm(len(INDICES)).split([7, 1, 0, 13, 8])  # type: ignore[no-untyped-call]
    memory, disk = (list(examples(tmp_path, size).batches(parts)) for size in (None, 0))
    assert len(memory) == len(disk) == 5
    for part, one, other in zip(parts, memory, disk, strict=True):
        assert torch.equal(one.images_NCHW, other.images_NCHW)
        assert torch.equal(one.labels_N, other.labels_N)
        assert one.labels_N.tolist() == INDICES[part.numpy()].tolist()
    assert readers() == []


def test_reader_s_error_reaches_the_training_and_ends_the_thread(tmp_path: Path) -> None:
    parts = [torch.tensor([0, 1]), torch.tensor([len(INDICES)]), torch.tensor([2])]
    batches = examples(tmp_path, 0).batches(parts)
    with pytest.raises(IndexError):
        list(batches)
    assert readers() == []


def test_leaving_early_ends_the_reader(tmp_path: Path) -> None:
    parts = [torch.tensor([number]) for number in range(len(INDICES))]
    batches = examples(tmp_path, 0).batches(parts)
    assert next(batches).labels_N.tolist() == [3]
    assert len(readers()) == 1
    del batches
    assert readers() == []


def test_reader_is_two_parts_ahead(tmp_path: Path) -> None:
    asked: list[int] = []

    def parts() -> Iterator[torch.Tensor]:
        for number in range(6):
            asked.append(number)
            yield torch.tensor([number])

    batches = examples(tmp_path, 0).batches(parts())
    for position in range(6):
        assert next(batches).labels_N.item() == INDICES[position]
        assert len(asked) == min(6, position + 1 + CHUNKS_AHEAD)


def test_stopped_training_leaves_no_reader(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers_seen = []

    def on_batch(_self: object, done: int, _total: int) -> None:
        readers_seen.append(len(readers()))
        if done == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("commands.progress.TrainingProgress.on_batch", on_batch)
    monkeypatch.setattr("trainers.batches.CHUNK_EXAMPLES", 16)
    options = ("--image-memory", "0", "--batch-size", "8")
    assert train(tiny_npz, tmp_path / "run", *options) == 143
    assert readers_seen == [1, 1, 1]
    assert readers() == []


def test_training_from_disk_gives_the_bits_of_one_in_memory(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    memory, disk = RunDirectory(tmp_path / "memory"), RunDirectory(tmp_path / "disk")
    assert train(tiny_npz, memory.root) == 0
    assert train(tiny_npz, disk.root, "--image-memory", "0") == 0
    assert differences(memory, disk) == []
    assert read_record(disk.training, Training).streamed
    assert not read_record(memory.training, Training).streamed
