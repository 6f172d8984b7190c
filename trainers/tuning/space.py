"""What a search tries unless the user says otherwise, and what a trial's settings mean."""

from collections.abc import Callable, Mapping

from artifacts.choices import OPTIMIZERS
from artifacts.training_records import Augmentation, Hyperparameters, ModelSpec, Recipe
from artifacts.tuning_records import Choices, Range, Setting
from models.hidden_layers import HIDDEN_LAYERS, chosen_widths, recorded_widths

Space = Mapping[str, Range | Choices]
Settings = Mapping[str, Setting]

# Of SGD and Adam alike, whose best rates lie two powers of ten apart.
LEARNING_RATES = Range(low=3e-4, high=0.3, log=True, grid=(1e-3, 1e-2, 1e-1))
BATCH_SIZES = Choices(choices=(32, 64, 128, 256))
WIDTHS = {
    "mlp": Choices(choices=("64", "128,64", "256,128", "512,256", "256,128,64")),
    "lenet5": Choices(choices=("60,42", "120,84", "240,168")),
}
DROPOUTS = Range(low=0.0, high=0.5, grid=(0.0, 0.25))
WEIGHT_DECAYS = Range(low=1e-6, high=3e-2, log=True, grid=(1e-5, 1e-3))
WEIGHT_DECAYS_OR_NONE = Choices(choices=(0.0, 1e-5, 1e-4, 1e-3, 1e-2))  # zero has no logarithm
AUGMENTATIONS = Range(low=0.0, high=2.0, grid=(0.0, 1.0))  # times the recipe's own; 0 is none

# The type of each setting, by its name.
TYPES: dict[str, type[int] | type[float] | type[str]] = {
    "lr": float,
    "batch_size": int,
    "widths": str,
    "dropout": float,
    "weight_decay": float,
    "augmentation": float,
    "optimizer": str,
}


def default_space(recipe: Recipe) -> dict[str, Range | Choices]:
    """Return what to try around a recipe; it holds the recipe's own settings.

    Widths and dropout are left out where the network has no such layers, and the augmentation where
    the recipe has none that could be made stronger or weaker.
    """
    settings = recipe.hyperparameters
    space: dict[str, Range | Choices] = {"lr": LEARNING_RATES, "batch_size": BATCH_SIZES}
    if recipe.model.name in HIDDEN_LAYERS:
        space |= {"widths": WIDTHS[recipe.model.name], "dropout": DROPOUTS}
    space["weight_decay"] = WEIGHT_DECAYS if settings.weight_decay else WEIGHT_DECAYS_OR_NONE
    if settings.augmentation.changes:
        space["augmentation"] = AUGMENTATIONS
    space["optimizer"] = Choices(choices=OPTIMIZERS)
    return space


def own_settings(recipe: Recipe, space: Space) -> dict[str, Setting]:
    """Return the recipe's own settings, by the names of the space."""
    settings, model = recipe.hyperparameters, recipe.model
    own: dict[str, Setting] = {
        "lr": settings.lr,
        "batch_size": settings.batch_size,
        "widths": ",".join(map(str, chosen_widths(model.name, model.widths))),
        "dropout": model.dropout,
        "weight_decay": settings.weight_decay,
        "augmentation": 1.0,
        "optimizer": settings.optimizer,
    }
    return {name: own[name] for name in space}


def settings_outside(settings: Settings, space: Space) -> list[str]:
    """Return the names of the settings that the space does not hold."""
    return [name for name, searched in space.items() if not searched.holds(settings[name])]


def recipe_of_trial(recipe: Recipe, settings: Settings) -> Recipe:
    """Return the recipe with a trial's settings in the place of its own.

    Raises:
        ValueError: a setting is none that a training can have (pydantic's, with its reason).
        UsageError: the network cannot have such widths or such a dropout.
    """
    hyperparameters: dict[str, object] = recipe.hyperparameters.model_dump()
    model: dict[str, object] = recipe.model.model_dump()
    for name, setting in settings.items():
        if name == "augmentation":
            own = recipe.hyperparameters.augmentation
            hyperparameters[name] = stronger(own, float(setting)).model_dump()
        elif name == "widths":
            model[name] = widths_from_text(str(setting))
        elif name == "dropout":
            model[name] = setting
        else:
            hyperparameters[name] = setting
    spec = ModelSpec.model_validate(model)
    widths = recorded_widths(spec.name, spec.widths, spec.dropout)
    return recipe.model_copy(
        update={
            "hyperparameters": Hyperparameters.model_validate(hyperparameters),
            "model": spec.model_copy(update={"widths": widths}),
        }
    )


def widths_from_text(text: str) -> tuple[int, ...]:
    """Return the integers of a text such as 128,64.

    Raises:
        ValueError: it is no such text.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"wanted integers with commas between, found {text!r}") from None


def stronger(augmentation: Augmentation, factor: float) -> Augmentation:
    """Return the augmentation with each of its changes that many times as large, where it can be.

    Raises:
        ValueError: the factor is negative.
    """
    bounds: dict[str, Callable[[float], float]] = {
        "shift": lambda shift: min(shift, 1.0),
        "rotation": lambda degrees: min(degrees, 180.0),
        "scale": lambda scale: min(scale, 0.9),
        "cutout": lambda side: min(side, 1.0),
    }
    return Augmentation.model_validate(
        {name: bounds[name](factor * value) for name, value in augmentation}
    )
