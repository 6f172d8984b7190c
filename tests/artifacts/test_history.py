from pathlib import Path

import pytest

from artifacts.history import jsonl_from_history, read_history
from artifacts.training_records import Epoch
from errors import ArtifactError


def epoch(number: int) -> Epoch:
    return Epoch(
        epoch=number,
        learning_rate=1e-3,
        train_loss=0.1 * number,
        train_accuracy=0.5,
        val_loss=0.3,
        val_accuracy=0.75,
        seconds=1.5,
        images_per_second=1e5 / 3,
    )


def test_history_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    epochs = tuple(epoch(number) for number in range(1, 40))
    path.write_text(jsonl_from_history(epochs))
    assert read_history(path) == epochs
    path.write_text("")
    assert read_history(path) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"epoch":2', '"epoch":3', "line 2: wanted epoch 2, found 3"),
        ('"train_loss":0.2', '"train_loss":"0.2"', "line 2: train_loss: "),
        ('"train_loss":0.2', '"train_loss":NaN', "line 2: has the number NaN"),
        ('"train_loss":0.2', '"epoch":2', "line 2: has the key 'epoch' twice"),
        ('"train_loss":0.2,', "", "line 2: train_loss: Field required"),
        ('{"epoch":2', '{"epoch":', "line 2: Expecting value"),
        ('{"epoch":2', "\n", "line 2: Expecting value"),
    ],
)
def test_damaged_line_is_refused_by_its_number(
    old: str, new: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(jsonl_from_history(epoch(number) for number in (1, 2, 3)).replace(old, new))
    with pytest.raises(ArtifactError) as caught:
        read_history(path)
    assert caught.value.problem.startswith(f"is no history of a training: {told}")


def test_missing_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        read_history(tmp_path / "history.jsonl")
