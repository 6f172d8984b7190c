"""What an earlier training left is taken only where it is whole, and of the same recipe."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Recipe, Training
from trainers.earlier import finished_training, is_begun


@pytest.fixture
def run(uninterrupted: Callable[..., RunDirectory], folder: Path) -> RunDirectory:
    """A finished training, to damage."""
    return RunDirectory(copytree(uninterrupted().root, folder / "run"))


def test_finished_training_is_taken_by_its_own_recipe_alone(run: RunDirectory) -> None:
    recipe = read_record(run.recipe, Recipe)
    assert finished_training(run, recipe) == read_record(run.training, Training)
    assert is_begun(run, recipe)
    for change in ({"seed": 1}, {"subset": 0.5}):
        other = recipe.model_copy(update=change)
        assert finished_training(run, other) is None
        assert not is_begun(run, other)
    # Where the dataset lies decides nothing.
    moved = recipe.dataset.model_copy(update={"source": "elsewhere.npz"})
    assert finished_training(run, recipe.model_copy(update={"dataset": moved})) is not None


@pytest.mark.parametrize("name", ["weights", "history", "recipe", "training"])
def test_training_of_which_a_file_is_damaged_or_gone_is_not_finished(
    name: str, run: RunDirectory
) -> None:
    recipe = read_record(run.recipe, Recipe)
    path: Path = getattr(run, name)
    path.write_bytes(path.read_bytes()[:-2])  # the last byte of a record is a line's end
    assert finished_training(run, recipe) is None
    path.unlink()
    assert finished_training(run, recipe) is None
    assert is_begun(run, recipe)


def test_nothing_whole_to_go_on_with_is_not_begun(run: RunDirectory) -> None:
    recipe = read_record(run.recipe, Recipe)
    run.resume.write_bytes(b"damaged")
    assert not is_begun(run, recipe)
    run.resume.unlink()
    assert not is_begun(run, recipe)
