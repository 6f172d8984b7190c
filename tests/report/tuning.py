"""A search in which much happened, for tests to change one thing of."""

from artifacts.tuning_records import Choices, Range, Trial, TrialState, TuningStudy
from tests.artifacts.conftest import ENVIRONMENT, RECIPE

SPACE: dict[str, Range | Choices] = {
    "lr": Range(low=1e-3, high=1.0, log=True, grid=(1e-3, 1e-1)),
    "widths": Choices(choices=("64", "128,64")),
    "dropout": Range(low=0.0, high=0.5, grid=(0.0, 0.5)),
    "optimizer": Choices(choices=("sgd",)),
}


def trial(
    number: int, *accuracies: float, state: TrialState = "complete", lr: float = 0.05
) -> Trial:
    has_value = state in ("complete", "pruned")
    return Trial(
        number=number,
        state=state,
        settings={"lr": lr, "widths": "128,64", "dropout": 0.1 * (number % 3), "optimizer": "sgd"},
        val_accuracy=accuracies,
        value=max(accuracies) if has_value else None,
        seconds=2.0,
        worker=f"host:{number % 2}",
        failure="the loss became nan" if state == "failed" else None,
    )


TRIALS = (
    trial(0, 0.80, 0.90, lr=0.05),
    trial(1, 0.88, 0.91, lr=0.1),
    trial(2, 0.10, state="pruned", lr=0.9),
    trial(3, state="failed", lr=1.0),
    trial(4, 0.95, 0.94, lr=0.02),
    trial(5, 0.93, 0.94, lr=0.01),
    trial(6, 0.5, state="running", lr=0.03),
)
STUDY = TuningStudy(
    name="tune-tiny-mlp",
    recipe=RECIPE.model_copy(update={"train_examples": 900, "val_examples": 1000}),
    space=SPACE,
    sampler="tpe",
    pruner="median",
    storage="runs/tune-tiny-mlp/journal.log",
    wanted=8,
    trials=TRIALS,
    best=4,
    defaults=0,
    importances={"lr": 0.75, "dropout": 0.2, "widths": 0.05},
    environment=ENVIRONMENT,
    command="cli.py tune",
)


def study_of(*trials: Trial, **changes: object) -> TuningStudy:
    """The search with other trials, its best one found anew."""
    complete = [one for one in trials if one.state == "complete"]
    best = max(complete, key=lambda one: (one.value or 0.0, -one.number), default=None)
    update = {"trials": trials, "best": best.number if best else None} | changes
    return TuningStudy.model_validate(STUDY.model_copy(update=update).to_dict())
