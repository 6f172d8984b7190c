from pathlib import Path

import psutil
import pytest

from errors import UnfinishedError
from untrusted.memory import available_memory_bytes, memory_left, require_memory


@pytest.mark.parametrize(
    ("limit", "current", "cached", "left"),
    [
        ("1000\n", "400\n", "100", 700),
        ("1000\n", "1300\n", "0", 0),
        ("max\n", "400\n", "100", None),
        (None, "400\n", "100", None),
    ],
)
def test_memory_left_is_what_the_control_group_allows(
    limit: str | None, current: str, cached: str, left: int | None, tmp_path: Path
) -> None:
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(current)
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
    assert memory_left(tmp_path) == left


def test_available_memory_is_no_more_than_the_control_group_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = available_memory_bytes()
    assert 0 < whole <= psutil.virtual_memory().total
    for name, content in (("max", "5000"), ("current", "1000"), ("stat", "inactive_file 0")):
        (tmp_path / f"memory.{name}").write_text(content)
    monkeypatch.setattr("untrusted.memory.CGROUP", tmp_path)
    assert available_memory_bytes() == 4000


def test_more_than_is_free_is_refused_with_both_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("untrusted.memory.available_memory_bytes", lambda: 1000)
    require_memory("x", 1000)
    told = "^x: what it holds takes 1,001 bytes of memory, 1,000 are free$"
    with pytest.raises(UnfinishedError, match=told):
        require_memory("x", 1001)
