from pathlib import Path

import pytest

from artifacts.tuning_records import Choices, Range
from errors import ArtifactError
from tests.trainers.tuning.searches import recipe_of
from trainers.tuning.space import default_space
from trainers.tuning.space_file import space_with_file


def space_of(tmp_path: Path, text: str, model: str = "mlp") -> dict[str, Range | Choices]:
    file = tmp_path / "space.toml"
    file.write_text(text)
    recipe = recipe_of(model)
    return space_with_file(default_space(recipe), file, recipe)


def test_file_replaces_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    text = """
        [lr]
        low = 1e-3
        high = 0.1
        log = true
        [batch_size]
        low = 16
        high = 64
        [dropout]
        fixed = 0
        [widths]
        choices = ["32", "64,32"]
        [weight_decay]
        low = 0
        high = 1e-2
        grid = [0, 5e-3]
        """
    space = space_of(tmp_path, text)
    rates = space["lr"]
    assert isinstance(rates, Range)
    assert (rates.low, rates.high, rates.log) == (1e-3, 0.1, True)
    assert rates.grid == pytest.approx((1e-3, 0.01, 0.1))
    assert space["batch_size"] == Range(low=16, high=64, grid=(16, 40, 64))
    assert space["dropout"] == Choices(choices=(0.0,))
    assert space["widths"] == Choices(choices=("32", "64,32"))
    assert space["weight_decay"] == Range(low=0, high=1e-2, grid=(0, 5e-3))
    default = default_space(recipe_of("mlp"))
    assert list(space) == list(default)
    assert space["optimizer"] == default["optimizer"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[lr", "is not TOML"),
        ("lr = 3", "lr: wanted low and high (and log, grid), choices, or fixed, found 3"),
        ("[lr]", "found nothing"),
        ("[momentum]\nfixed = 0.9", "momentum is no setting: wanted one of lr, batch_size"),
        ("[lr]\nlow = 1\nhigh = 0.1", "lr: wanted low below high, found 1 and 0.1"),
        ("[lr]\nlow = 1", "lr: wanted high beside low"),
        ("[lr]\nlow = 0\nhigh = 1\nlog = true", "lr: wanted low above 0 where log is true"),
        ("[lr]\nlow = 0\nhigh = 1", "lr: Input should be greater than 0"),
        ("[lr]\nlow = 'a'\nhigh = 1", "lr: low: wanted a number, found 'a'"),
        ("[lr]\nlow = true\nhigh = 2", "lr: low: wanted a number, found True"),
        ("[lr]\nlow = nan\nhigh = 1", "lr: "),
        ("[lr]\nlow = 1e-3\nhigh = inf", "lr: "),
        ("[lr]\nlow = 1\nhigh = 2\nlog = 1", "lr: log: wanted true or false, found 1"),
        ("[lr]\nlow = 1\nhigh = 2\nstep = 1", "found low, high, step"),
        ("[lr]\nlow = 1\nhigh = 2\ngrid = [3]", "lr: wanted grid points from 1 to 2, found 3"),
        ("[lr]\nlow = 1\nhigh = 2\ngrid = []", "lr: grid: "),
        ("[lr]\nlow = 1\nhigh = 2\nfixed = 1", "found low, high, fixed"),
        ("[lr]\nchoices = 0.1", "lr: choices: wanted a list, found 0.1"),
        ("[lr]\nchoices = []", "lr: choices: "),
        ("[lr]\nchoices = [0.1, 0.1]", "lr: a choice is there twice"),
        ("[batch_size]\nchoices = [32, 6.5]", "batch_size: choices: wanted a whole number"),
        ("[batch_size]\nchoices = [0]", "batch_size: Input should be greater"),
        ("[optimizer]\nchoices = ['lion']", "optimizer: Input should be 'adam'"),
        ("[optimizer]\nlow = 'adam'\nhigh = 'sgd'", "optimizer: has no range"),
        ("[widths]\nchoices = ['128,x']", "widths: wanted integers with commas between"),
        ("[widths]\nchoices = ['1,1,1,1,1,1,1,1,1']", "widths: wanted 1 to 8 of them for mlp"),
        ("[dropout]\nlow = 0\nhigh = 1", "dropout: Input should be less than 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        space_of(tmp_path, text)
    assert caught.value.subject == str(tmp_path / "space.toml")
    assert wrong in caught.value.problem
    assert "\n" not in caught.value.problem


def test_setting_that_the_network_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="widths is not searched for this network"):
        space_of(tmp_path, "[widths]\nfixed = '64'", model="resnet18")


def test_missing_file_is_told(tmp_path: Path) -> None:
    recipe = recipe_of("mlp")
    with pytest.raises(ArtifactError, match=r"no\.toml"):
        space_with_file(default_space(recipe), tmp_path / "no.toml", recipe)
