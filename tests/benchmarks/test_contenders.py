"""What trainings are compared with: each runs, or says in one line why it does not."""

import sys
from pathlib import Path

import pytest

from artifacts.training_records import Recipe
from benchmarks.arithmetic import arithmetic_alone
from benchmarks.contenders import KerasFit, MissingContenderError, bare_loop, ours
from commands.run_data import dataset_spec
from data import Dataset, load_dataset
from data.splits import TrainingIndices
from models import network_name
from trainers.plan import planned_training
from trainers.processes import processes_of


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", data_dir=None)


def planned(dataset: Dataset, model: str = "mlp") -> tuple[Recipe, TrainingIndices]:
    return planned_training(
        dataset,
        spec=dataset_spec(dataset, "digits"),
        network=network_name(model),
        recipe="assignment",
        overrides={"epochs": 3},
        val_split=None,
        subset=1.0,
        seed=0,
        device_type="cpu",
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_our_epoch_and_the_bare_loop_run_as_often_as_asked(digits: Dataset, streamed: bool) -> None:
    recipe, indices = planned(digits)
    with processes_of("cpu") as processes:
        epoch = ours(recipe, digits, indices, processes, streamed=streamed)
        assert all(epoch() > 0 for _ in range(3))
    assert bare_loop(recipe, digits, indices)() > 0


def test_arithmetic_is_that_of_linear_layers_alone(digits: Dataset) -> None:
    recipe, _ = planned(digits)
    epoch = arithmetic_alone(recipe, 320)
    assert epoch is not None
    assert epoch() > 0
    recipe, _ = planned(digits, "lenet5")
    assert arithmetic_alone(recipe, 320) is None


def test_keras_is_told_to_be_missing(digits: Dataset, tmp_path: Path) -> None:
    recipe, indices = planned(digits)
    with pytest.raises(MissingContenderError, match="No such file"):
        KerasFit(tmp_path / "python", recipe, digits, indices)
    with pytest.raises(MissingContenderError, match="No module named 'keras'"):
        KerasFit(Path(sys.executable), recipe, digits, indices)
