"""How each network is trained unless the user says otherwise: one typed table.

`best` is what this project recommends: SGD with Nesterov momentum, one cycle of the learning rate
(Smith and Topin 2018), label smoothing, images changed at random. What each part is worth:
benchmarks/results/ablation-*.json. `assignment` is the setting of the course work that the project
grew from (MLP on MNIST: Adam, 10 epochs, batches of 32, 20% to validate).
"""

from dataclasses import dataclass

from artifacts.choices import RecipeName, TrainingPrecision
from artifacts.training_records import Augmentation, Hyperparameters, Recipe
from models.names import library_of


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Test accuracy that a recipe reached: percent, mean and standard deviation over seeds."""

    dataset: str
    model: str
    mean: float
    std: float | None  # of one seed there is none
    seeds: int
    measured_in: str  # a file of benchmarks/results, with command, commit and machine

    def in_words(self) -> str:
        """Return what to expect of the test split, for a line of text."""
        spread = "" if self.std is None else f" +- {self.std:.2f}"
        seeds = "one seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return f"{self.mean:.2f}{spread}% of the test split ({seeds}, {self.measured_in})"


@dataclass(frozen=True, kw_only=True)
class NamedRecipe:
    """Settings for a network, and what to expect of them."""

    settings: Hyperparameters
    val_split: float  # fraction of the training examples that validate
    expected: tuple[Expectation, ...] = ()


_PERCEPTRON = Hyperparameters(
    epochs=20,
    patience=None,
    batch_size=32,
    loss="cross-entropy",
    optimizer="sgd",
    lr=0.05,
    weight_decay=1e-3,
    momentum=0.9,
    schedule="one-cycle",
    label_smoothing=0.1,
    augmentation=Augmentation(shift=0.07, rotation=10, scale=0.1),
    weight_averaging=0,
    precision="float32",
)
_LENET = _PERCEPTRON.model_copy(
    update={"epochs": 30, "batch_size": 64, "lr": 0.1, "weight_decay": 5e-4}
)
_RESNET = _LENET.model_copy(
    update={
        "epochs": 20,
        "augmentation": Augmentation(shift=0.1, rotation=10, scale=0.1, cutout=0.25),
    }
)
# A hundred steps of a small dataset are too few for changed images, and a CPU takes 11 s for them.
_RESNET_ON_DIGITS = _PERCEPTRON.model_copy(
    update={"epochs": 4, "weight_decay": 5e-4, "augmentation": Augmentation()}
)
# For networks that nobody tried here: AdamW at a rate that both convolutions and attention bear.
_ANY_NETWORK = _LENET.model_copy(
    update={"epochs": 20, "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.01}
)
_FINE_TUNING = _ANY_NETWORK.model_copy(update={"epochs": 10, "lr": 1e-4})
_ASSIGNMENT = NamedRecipe(
    settings=_PERCEPTRON.model_copy(
        update={
            "epochs": 10,
            "optimizer": "adam",
            "lr": 1e-3,
            "weight_decay": 0.0,
            "schedule": "constant",
            "label_smoothing": 0.0,
            "augmentation": Augmentation(),
        }
    ),
    val_split=0.2,
    expected=(
        Expectation(
            dataset="mnist",
            model="mlp",
            mean=97.73,
            std=0.109,
            seeds=5,
            measured_in="accuracy-mnist-mlp-assignment.json",
        ),
    ),
)
_BEST = {
    "logistic": NamedRecipe(settings=_PERCEPTRON, val_split=0.1),
    "mlp": NamedRecipe(
        settings=_PERCEPTRON,
        val_split=0.1,
        expected=(
            Expectation(
                dataset="mnist",
                model="mlp",
                mean=98.942,
                std=0.07,
                seeds=5,
                measured_in="accuracy-mnist-mlp-best.json",
            ),
        ),
    ),
    "lenet5": NamedRecipe(
        settings=_LENET,
        val_split=0.1,
        expected=(
            Expectation(
                dataset="mnist",
                model="lenet5",
                mean=99.544,
                std=0.029,
                seeds=5,
                measured_in="accuracy-mnist-lenet5-best.json",
            ),
            Expectation(
                dataset="svhn-gray",
                model="lenet5",
                mean=94.025,
                std=0.344,
                seeds=3,
                measured_in="accuracy-svhn-gray-lenet5-best.json",
            ),
        ),
    ),
    "resnet18": NamedRecipe(
        settings=_RESNET,
        val_split=0.1,
        expected=(
            Expectation(
                dataset="svhn-gray",
                model="resnet18",
                mean=97.625,
                std=None,
                seeds=1,
                measured_in="accuracy-svhn-gray-resnet18-best.json",
            ),
        ),
    ),
    "resnet34": NamedRecipe(settings=_RESNET, val_split=0.1),
    "resnet50": NamedRecipe(settings=_RESNET, val_split=0.1),
    "resnet101": NamedRecipe(settings=_RESNET, val_split=0.1),
}


def named_recipe(
    recipe: RecipeName, model: str, dataset: str, *, fine_tuning: bool = False
) -> NamedRecipe:
    """Return the recipe's settings for a network of that name on that dataset.

    Args:
        recipe: its name.
        model: name of the network.
        dataset: name of the dataset.
        fine_tuning: whether the training begins with weights that were trained before.
    """
    if recipe == "assignment":
        return _ASSIGNMENT
    if fine_tuning:
        return NamedRecipe(settings=_FINE_TUNING, val_split=0.1)
    if dataset == "digits" and model.startswith("resnet"):
        return NamedRecipe(settings=_RESNET_ON_DIGITS, val_split=0.1)
    return _BEST.get(model, NamedRecipe(settings=_ANY_NETWORK, val_split=0.1))


def expectation_for(recipe: Recipe) -> Expectation | None:
    """Return what a training should reach, if it is one that was measured."""
    model, dataset = recipe.model.name, recipe.dataset.name
    if recipe.initial_weights is not None or recipe.model.choices:
        return None
    named = named_recipe(recipe.recipe, model, dataset)
    anyhow = {"precision": "float32"}  # the device's choice, as `default_precision` says
    settings = (named.settings, recipe.hyperparameters)
    if len({chosen.model_copy(update=anyhow).model_dump_json() for chosen in settings}) > 1:
        return None
    if recipe.subset < 1 or recipe.val_split != named.val_split:
        return None
    measured = (e for e in named.expected if (e.model, e.dataset) == (model, dataset))
    return next(measured, None)


def default_precision(model: str, device_type: str) -> TrainingPrecision:
    """Return bfloat16 on a GPU, whose tensor cores want it, for networks known to bear it.

    Those are ResNets and the networks of libraries; else float32.
    """
    bears = model.startswith("resnet") or library_of(model) is not None
    return "bfloat16" if device_type == "cuda" and bears else "float32"
