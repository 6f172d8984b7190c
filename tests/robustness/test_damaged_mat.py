from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from tests.robustness.conftest import NoteOutcomes
from tests.robustness.damage import REFUSED, outcomes_of_damage
from tests.robustness.recorded_dataset import record, sha256_of_recorded

# Each is read by a process of its own, which takes half a second; so the short sample is shorter.
SHORT_SAMPLE, SHORT = 12, 2


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_file_is_refused_or_is_the_recorded_dataset(
    compressed: bool, tmp_path: Path, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    (folder := tmp_path / "set").mkdir()
    random = np.random.default_rng(0)
    for name, examples in (("train", 10), ("test", 5)):
        content = {
            "X": random.integers(0, 256, (32, 32, 3, examples), dtype=np.uint8),
            "y": (np.arange(examples, dtype=np.uint8) % 10 + 1)[:, np.newaxis],
        }
        savemat(folder / f"{name}_32x32.mat", content, do_compression=compressed)
    record(tmp_path, folder)
    count = SHORT if mutation_count <= SHORT_SAMPLE else mutation_count
    found = outcomes_of_damage(sha256_of_recorded, folder / "train_32x32.mat", count)
    note_outcomes("mat, compressed" if compressed else "mat", found)
    assert found[REFUSED] > 0
