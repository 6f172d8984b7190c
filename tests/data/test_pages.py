from pathlib import Path

import numpy as np
import psutil

from data import pages
from data.pages import ReadPages

MEGABYTE = 1 << 20


def mapped(path: Path, megabytes: int) -> np.ndarray:
    np.save(path, np.arange(megabytes * MEGABYTE, dtype=np.uint8))
    array: np.ndarray = np.load(path, mmap_mode="r")
    return array


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_reading_a_map_leaves_memory_as_it_was(tmp_path: Path) -> None:
    array = mapped(tmp_path / "large.npy", 200)
    reader = ReadPages(array)
    before, most = resident(), 0
    total = 0
    for start in range(0, len(array), MEGABYTE):
        part = array[start : start + MEGABYTE]
        total += int(part.sum())
        reader.note(part)
        most = max(most, resident())
    assert most - before < 3 * pages.RELEASED_BYTES
    assert total == int(array.sum())
    assert resident() - before > 150 * MEGABYTE  # what was not noted stays


def test_part_of_a_map_can_be_read_again(tmp_path: Path) -> None:
    array = mapped(tmp_path / "large.npy", 20)
    part = array[: 17 * MEGABYTE]
    ReadPages(array[5:]).note(part)
    assert np.array_equal(part, np.arange(17 * MEGABYTE, dtype=np.uint8))


def test_what_is_no_read_only_map_is_left_alone(tmp_path: Path) -> None:
    own = np.ones(17 * MEGABYTE, np.uint8)
    ReadPages(own, own[3:]).note(own)
    assert own.all()
    mapped(tmp_path / "some.npy", 17)
    private = np.load(tmp_path / "some.npy", mmap_mode="c")
    private[:] = 7
    ReadPages(private).note(private)
    assert (private == 7).all()  # a copy on write would be lost with its pages
