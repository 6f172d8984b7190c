import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.main import main
from data import load_dataset
from data.checks import checked_splits
from data.idx import STEMS, read_idx, read_idx_files
from errors import DatasetError
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, outcomes_of_damage
from tests.robustness.mutations import mutations
from tests.robustness.recorded_dataset import record, sha256_of_recorded


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_set(folder: Path, *, compressed: bool) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for stem in STEMS:
        examples = 30 if stem.startswith("train") else 12
        array = np.arange(examples, dtype=np.uint8) % 3
        if "images" in stem:
            array = random.integers(0, 256, (examples, 8, 8)).astype(np.uint8)
        content = idx(array)
        name = f"{stem}.gz" if compressed else stem
        (folder / name).write_bytes(gzip.compress(content) if compressed else content)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("stem", [STEMS[0], STEMS[3]])
def test_damaged_file_is_refused_or_is_the_recorded_dataset(
    stem: str,
    compressed: bool,
    tmp_path: Path,
    mutation_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    write_set(tmp_path / "set", compressed=compressed)
    record(tmp_path, tmp_path / "set")
    path = tmp_path / "set" / (f"{stem}.gz" if compressed else stem)
    found = outcomes_of_damage(sha256_of_recorded, path, mutation_count, exit_codes=(4,))
    note_outcomes("IDX, gzip" if compressed else "IDX", found)
    assert found[REFUSED] > 0
    if not compressed:  # there is not a byte that means nothing
        assert found[REFUSED] == mutation_count


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_read_of_a_damaged_file_keeps_the_rules(
    compressed: bool, tmp_path: Path, mutation_count: int
) -> None:
    write_set(tmp_path / "set", compressed=compressed)
    files = tuple(tmp_path / "set" / (f"{s}.gz" if compressed else s) for s in STEMS)
    contents = [path.read_bytes() for path in files]
    for number in range(4):
        for mutation in mutations(contents[number], mutation_count, seed=number):
            files[number].write_bytes(mutation.content)
            try:
                _, splits = checked_splits(read_idx_files(files), "set")
            except DatasetError:
                continue
            for split in splits.values():
                assert split.images.shape[1:] == (1, 8, 8), mutation.what
                assert split.labels.min() >= 0, mutation.what
        files[number].write_bytes(contents[number])


lengths = st.one_of(st.integers(0, 20), st.sampled_from([2**16, 2**31 - 1, 2**31, 2**32 - 1]))


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lengths, min_size=3, max_size=3), st.binary(max_size=60), st.booleans())
def test_any_header_is_read_or_refused_without_much_memory(
    tmp_path: Path, shape: list[int], values: bytes, compressed: bool
) -> None:
    content = struct.pack(">BBBBIII", 0, 0, 8, 3, *shape) + values
    path = tmp_path / ("x.gz" if compressed else "x")
    path.write_bytes(gzip.compress(content) if compressed else content)
    try:
        found = read_idx(path, dimensions=3)
    except DatasetError:
        return
    assert list(found.shape) == shape
    assert found.tobytes() == values


def test_export_refuses_a_run_whose_pixels_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "set", compressed=False)
    train = ["train", "--dataset", "set", "--model", "logistic", "--epochs", "1", "--run", "run"]
    assert main(train) == 0
    before = {file.name: file.read_bytes() for file in Path("run").iterdir() if file.is_file()}
    path = tmp_path / "set" / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert load_dataset("set").image_shape == (1, 8, 8)  # nothing wrong with it as such
    capsys.readouterr()
    assert main(["export", "--run", "run"]) == 4
    assert "is not the dataset that the run was trained on" in capsys.readouterr().err
    after = {file.name: file.read_bytes() for file in Path("run").iterdir() if file.is_file()}
    assert after == before
