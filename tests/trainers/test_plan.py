import numpy as np
import pytest

from artifacts.training_records import Augmentation, Recipe
from commands.run_data import dataset_spec
from data import Dataset, load_dataset
from data.splits import TrainingIndices
from errors import UsageError
from models import network_name
from trainers.plan import planned_training


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", data_dir=None)


def planned(
    dataset: Dataset, overrides: dict[str, object] | None = None, **changes: object
) -> tuple[Recipe, TrainingIndices]:
    usual: dict[str, object] = {
        "spec": dataset_spec(dataset, "digits"),
        "recipe": "best",
        "val_split": None,
        "subset": 1.0,
        "seed": 3,
        "device_type": "cpu",
    }
    network = network_name(str(changes.pop("model", "mlp")))
    options = usual | changes | {"overrides": overrides or {}, "network": network}
    return planned_training(dataset, **options)  # type: ignore[arg-type]


def test_recipe_tells_the_examples_and_their_pixels(digits: Dataset) -> None:
    recipe, indices = planned(digits, val_split=0.25)
    examples = len(digits.train.labels)
    assert recipe.val_examples == len(indices.validation) == round(0.25 * examples)
    assert recipe.train_examples == len(indices.train) == examples - recipe.val_examples
    assert not set(indices.train) & set(indices.validation)
    pixels = digits.train.images[indices.train].astype(np.float64)
    assert recipe.mean == pytest.approx([pixels.mean()])
    assert recipe.std == pytest.approx([pixels.std()])
    assert recipe.dataset.sha256 == digits.sha256


def test_overrides_replace_settings_and_none_leaves_them(digits: Dataset) -> None:
    usual = planned(digits)[0].hyperparameters
    changed = planned(digits, {"lr": 0.7, "epochs": None, "augmentation": {}})[0].hyperparameters
    replaced = {"lr": 0.7, "augmentation": Augmentation()}
    assert changed == usual.model_copy(update=replaced)
    assert usual.augmentation != Augmentation()


def test_recipe_s_share_of_validation_is_taken_unless_another_is_given(digits: Dataset) -> None:
    assert planned(digits)[0].val_split == 0.1
    assert planned(digits, recipe="assignment")[0].val_split == 0.2
    assert planned(digits, recipe="assignment", val_split=0.3)[0].val_split == 0.3


@pytest.mark.parametrize(
    ("model", "device_type", "given", "precision"),
    [
        ("resnet18", "cuda", None, "bfloat16"),
        ("resnet18", "cuda", "float32", "float32"),
        ("resnet18", "cpu", None, "float32"),
        ("mlp", "cuda", None, "float32"),
        ("mlp", "cpu", "bfloat16", "bfloat16"),
    ],
)
def test_precision_is_that_of_network_and_device_unless_given(
    model: str, device_type: str, given: str | None, precision: str, digits: Dataset
) -> None:
    recipe, _ = planned(digits, {"precision": given}, model=model, device_type=device_type)
    assert recipe.hyperparameters.precision == precision


def test_dataset_of_one_class_is_refused(digits: Dataset) -> None:
    zeros = Dataset(
        name="zeros",
        classes=("0",),
        image_shape=digits.image_shape,
        split_sha256=digits.split_sha256,
        open_split=lambda _name: digits.train,
    )
    with pytest.raises(UsageError, match="has one class"):
        planned(zeros)


def test_widths_and_dropout_are_recorded_and_own_widths_are_not_named(digits: Dataset) -> None:
    usual = planned(digits)[0].model
    assert (usual.widths, usual.dropout, usual.choices) == (None, 0.0, ())
    other = planned(digits, widths=[32, 32], dropout=0.5)[0].model
    assert (other.widths, other.dropout) == ((32, 32), 0.5)
    assert other.choices == ("widths 32,32", "dropout 0.5")
    assert planned(digits, widths=[128, 64])[0].model == usual
    assert planned(digits, model="lenet5", widths=[120, 84])[0].model.widths is None
    assert planned(digits, model="resnet18")[0].model.widths is None


def test_network_that_leaves_no_choice_is_refused(digits: Dataset) -> None:
    with pytest.raises(UsageError, match="--widths: resnet18 has none"):
        planned(digits, model="resnet18", widths=[64])
