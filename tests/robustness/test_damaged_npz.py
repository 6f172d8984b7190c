import os
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import load_dataset
from data.npz import KEYS, read_npz
from errors import DatasetError
from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, UNCHANGED, outcomes_of_damage
from tests.robustness.recorded_dataset import record, sha256_of_recorded


def write_set(path: Path, save: Callable[..., None] = np.savez) -> None:
    random = np.random.default_rng(0)
    save(
        path,
        train_images=random.integers(0, 256, (30, 1, 8, 8)).astype(np.uint8),
        train_labels=np.arange(30) % 3,
        test_images=random.integers(0, 256, (12, 1, 8, 8)).astype(np.uint8),
        test_labels=np.arange(12) % 3,
        classes=np.array(["cat", "dog", "ü 😀"]),
    )


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_file_is_refused_or_is_the_recorded_dataset(
    save: Callable[..., None], tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    write_set(tmp_path / "set.npz", save)
    record(tmp_path, tmp_path / "set.npz")
    path = tmp_path / "set.npz"
    found = outcomes_of_damage(sha256_of_recorded, path, mutation_count, exit_codes=(4,))
    note_outcomes("npz", found)
    assert found[REFUSED] > 0


def arrays_in(path: Path) -> str:
    """Return the hash of all that is read of a file, by its own checksums alone."""
    raw = read_npz(path)
    arrays = [getattr(raw, key) for key in KEYS]
    parts = [f"{array.dtype} {array.shape}".encode() + array.tobytes() for array in arrays]
    return sha256(b"".join(parts) + repr(raw.classes).encode()).hexdigest()


def test_damage_is_noticed_without_a_record_too(
    tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    write_set(tmp_path / "set.npz")
    found = outcomes_of_damage(arrays_in, tmp_path / "set.npz", mutation_count, seed=1)
    note_outcomes("npz", found)


headers = st.builds(
    "{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}".format,
    st.one_of(
        st.sampled_from(["|u1", "<u8", ">i2", "<U3", "|O", "|S0", "<f3", "<c16", "|V9", "(3,)u1"]),
        st.text(max_size=6),
    ),
    st.sampled_from(["True", "False", "1", "None"]),
    st.one_of(
        st.lists(st.integers(-1, 2**64), max_size=4).map(lambda s: "".join(f"{n}, " for n in s)),
        st.text(max_size=10),
    ),
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers, st.binary(max_size=60), st.sampled_from([0, zipfile.ZIP_DEFLATED]))
def test_any_header_is_read_or_refused_without_much_memory(
    tmp_path: Path, header: str, values: bytes, compression: int
) -> None:
    write_set(tmp_path / "whole.npz")
    text = header.encode()
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + values
    with (
        zipfile.ZipFile(tmp_path / "whole.npz") as whole,
        zipfile.ZipFile(tmp_path / "set.npz", "w", compression) as archive,
    ):
        for name in whole.namelist():
            archive.writestr(name, content if name == "train_labels.npy" else whole.read(name))
    try:
        found = read_npz(tmp_path / "set.npz").train_labels
    except DatasetError:
        return
    assert found.tobytes(order="A") == values


def sha256_with_cache(path: Path) -> str:
    """Return the hash of a dataset whose entry in the cache has this file in the place of its own.

    The entry is `entry/`, the dataset `set.npz` beside it.
    """
    before = os.environ["XDG_CACHE_HOME"]
    with tempfile.TemporaryDirectory() as home:
        key = (path.parent / "key").read_text()
        place = Path(home, "onnxproof", "prepared", key)
        place.mkdir(parents=True)
        for file in path.parent.iterdir():
            if not file.name.startswith("damaged-"):
                shutil.copyfile(file, place / file.name)
        shutil.copyfile(path, place / path.name.removeprefix("damaged-"))
        os.environ["XDG_CACHE_HOME"] = home
        try:
            dataset = load_dataset(str(path.parent.parent / "set.npz"))
            splits = (dataset.train, dataset.test)
            parts = [part for s in splits for part in (s.images.tobytes(), s.labels.tobytes())]
        finally:
            os.environ["XDG_CACHE_HOME"] = before
    told = f"{dataset.name} {dataset.classes} {dataset.image_shape} {dataset.sha256}"
    return sha256(b"".join(parts) + told.encode()).hexdigest()


@pytest.mark.parametrize("name", ["dataset.json", "train_images.npy", "test_labels.npy"])
def test_damaged_cache_entry_changes_nothing(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mutation_count: int,
    note_outcomes: NoteOutcomes,
) -> None:
    write_set(tmp_path / "set.npz")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    load_dataset(str(tmp_path / "set.npz"))
    (entry,) = (tmp_path / "home" / "onnxproof" / "prepared").iterdir()
    (entry / "key").write_text(entry.name)
    shutil.copytree(entry, tmp_path / "entry")
    found = outcomes_of_damage(sha256_with_cache, tmp_path / "entry" / name, mutation_count)
    note_outcomes("cache: dataset.json" if name == "dataset.json" else "cache: npy", found)
    assert found == {UNCHANGED: mutation_count}
