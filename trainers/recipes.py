"""How each network is trained unless the user says otherwise: one typed table.

`best` is what this project recommends: SGD with Nesterov momentum, one cycle of the learning rate
(Smith and Topin 2018), label smoothing. `assignment` is the setting of the course work that the
project grew from (MLP on MNIST: Adam, 10 epochs, batches of 32).
"""

from artifacts.choices import RecipeName
from artifacts.training_records import Hyperparameters

_BASE = Hyperparameters(
    epochs=30,
    batch_size=32,
    optimizer="sgd",
    lr=0.05,
    weight_decay=1e-3,
    momentum=0.9,
    schedule="one-cycle",
    label_smoothing=0.1,
    precision="float32",
)
# Four epochs, since they are counted for a CPU: one of ResNet-18 on 1,300 digits takes 11 s there.
_RESNET = _BASE.model_copy(update={"epochs": 4, "weight_decay": 5e-4})
_BEST = {
    "logistic": _BASE,
    "mlp": _BASE,
    "lenet5": _BASE.model_copy(update={"epochs": 20}),
    "resnet18": _RESNET,
    "resnet34": _RESNET,
    "resnet50": _RESNET,
    "resnet101": _RESNET,
}
_ASSIGNMENT = Hyperparameters(
    epochs=10,
    batch_size=32,
    optimizer="adam",
    lr=1e-3,
    weight_decay=0.0,
    momentum=0.9,
    schedule="constant",
    label_smoothing=0.0,
    precision="float32",
)


def hyperparameters(recipe: RecipeName, model: str) -> Hyperparameters:
    """Return the recipe's settings for a network of that name."""
    return _ASSIGNMENT if recipe == "assignment" else _BEST[model]


def default_val_split(recipe: RecipeName) -> float:
    """Return the fraction of the training examples that validate unless the user says otherwise."""
    return 0.2 if recipe == "assignment" else 0.1
