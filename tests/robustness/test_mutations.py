from collections import Counter
from pathlib import Path

import pytest

from errors import ArtifactError, UsageError
from tests.robustness.damage import REFUSED, UNCHANGED, outcomes_of_damage
from tests.robustness.mutations import mutations
from tests.untrusted.work import crash

CONTENT = bytes(range(256)) * 8


def test_mutations_are_different_from_the_file_and_the_same_each_time() -> None:
    first, again = (list(mutations(CONTENT, 200, seed=3)) for _ in range(2))
    assert first == again
    assert all(mutation.content != CONTENT for mutation in first)
    assert len({mutation.content for mutation in first}) > 150
    assert sum(len(mutation.content) < len(CONTENT) for mutation in first) >= 66
    assert [m.content for m in mutations(CONTENT, 3, seed=4)] != [m.content for m in first[:3]]


def read_well(path: Path) -> bytes:
    content = path.read_bytes()
    if len(content) != len(CONTENT):
        raise ArtifactError(str(path), "has another size")
    if content[1:] != CONTENT[1:]:
        raise ArtifactError(str(path), "has other bytes")
    return content[1:]


def test_reader_that_refuses_damage_passes(tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(CONTENT)
    assert outcomes_of_damage(read_well, path, 30) == Counter({REFUSED: 30})


def test_reader_that_does_not_look_at_the_damage_passes(tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(CONTENT)
    assert outcomes_of_damage(Path.is_file, path, 3) == Counter({UNCHANGED: 3})


def believe(path: Path) -> int:
    return len(path.read_bytes())


def let_through(path: Path) -> None:
    if path.name.startswith("damaged"):
        raise KeyError("x")


def blame_the_user(path: Path) -> None:
    if path.name.startswith("damaged"):
        raise UsageError("--option", "is wrong")


def crash_on_damage(path: Path) -> None:
    if path.name.startswith("damaged"):
        crash()


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (believe, "another answer"),
        (let_through, "KeyError"),
        (blame_the_user, "--option: is wrong"),
        (crash_on_damage, "the process crashed"),
    ],
)
def test_reader_that_is_careless_fails(read: object, said: str, tmp_path: Path) -> None:
    (path := tmp_path / "x").write_bytes(CONTENT)
    with pytest.raises(AssertionError, match=said):
        outcomes_of_damage(read, path, 2)  # type: ignore[arg-type]
