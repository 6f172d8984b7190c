"""What a search was asked for, and whether a study that is there was begun with the same."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import optuna
from optuna.study import StudyDirection
from pydantic import ValidationError

from artifacts.choices import Pruner, Sampler
from artifacts.json_records import Record, text_of_json
from artifacts.training_records import Recipe
from artifacts.tuning_records import Choices, Range
from errors import ArtifactError, UsageError
from trainers.progress import recipe_differences
from trainers.tuning.sampling import Grid
from trainers.tuning.space import Settings, own_settings, settings_outside

BEGUN_WITH = "onnxproof"  # attribute of the study

log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """A search for settings.

    Attributes:
        name: of the study within its storage.
        recipe: of the defaults; a trial differs from it by its settings.
        space: what is searched.
        sampler: who proposes.
        pruner: who ends what promises nothing.
        trials: how many are wanted, of all workers together.
        storage: the place, without its password.
    """

    name: str
    recipe: Recipe
    space: Mapping[str, Range | Choices]
    sampler: Sampler
    pruner: Pruner
    trials: int
    storage: str

    @property
    def seed(self) -> int:
        """Of the proposals, which is that of the trainings too."""
        return self.recipe.seed

    @property
    def own(self) -> Settings:
        """The recipe's own settings."""
        return own_settings(self.recipe, self.space)

    @property
    def tries_defaults(self) -> bool:
        """Whether the recipe's own settings are in the space: then they are tried first."""
        return not settings_outside(self.own, self.space)

    @property
    def searched(self) -> list[str]:
        """The settings with more than one value to try."""
        return [name for name, part in self.space.items() if not part.is_fixed]

    def grid(self) -> Grid:
        """Return the points that a grid search tries.

        Raises:
            UsageError: there are too many.
        """
        return Grid(self.space, self.seed, self.own if self.tries_defaults else None)

    def no_longer_than_its_grid(self) -> "SearchPlan":
        """Return the plan, with fewer trials where a grid search has fewer points.

        Raises:
            UsageError: it has too many.
        """
        if self.sampler != "grid" or (points := len(self.grid())) >= self.trials:
            return self
        log.info("the grid has %d points: no more trials are done", points)
        return replace(self, trials=points)


class BegunWith(Record):
    """What all workers of a study must have in common, as the study keeps it."""

    recipe: Recipe
    space: dict[str, Range | Choices]
    sampler: Sampler
    pruner: Pruner


def require_same_search(study: optuna.Study, plan: SearchPlan) -> None:
    """Let the study say what it is begun with, or return if the plan is the same.

    Raises:
        ArtifactError: the study was made by another program, or is damaged.
        UsageError: it was begun with something else.
    """
    wanted = BegunWith(
        recipe=plan.recipe, space=dict(plan.space), sampler=plan.sampler, pruner=plan.pruner
    )
    if BEGUN_WITH not in study.user_attrs:
        if study.get_trials(deepcopy=False) or study.directions != [StudyDirection.MAXIMIZE]:
            raise ArtifactError(plan.storage, f"the study {plan.name} was not made by tune")
        study.set_user_attr(BEGUN_WITH, wanted.to_dict())
    # Read again: another worker may have begun at the same moment.
    try:
        content = text_of_json(study.user_attrs[BEGUN_WITH])
        begun = BegunWith.model_validate_json(content, strict=True)
    except (ValidationError, ValueError, TypeError):
        raise ArtifactError(plan.storage, f"the study {plan.name} is damaged") from None
    if different := [*recipe_differences(begun.recipe, wanted.recipe), *_others(begun, wanted)]:
        raise UsageError(
            "--study",
            f"{plan.name} was begun with {'; '.join(different)}",
            hint="give the options it was begun with, or begin another one with --study NAME",
        )


def _others(begun: BegunWith, wanted: BegunWith) -> list[str]:
    pairs: dict[str, tuple[object, object]] = {
        "sampler": (begun.sampler, wanted.sampler),
        "pruner": (begun.pruner, wanted.pruner),
    }
    for name in {**begun.space, **wanted.space}:
        pairs[f"the space of {name}"] = (_words(begun.space, name), _words(wanted.space, name))
    return [f"{what} {old}, not {new}" for what, (old, new) in pairs.items() if old != new]


def _words(space: Mapping[str, Range | Choices], name: str) -> str:
    part = space.get(name)
    if part is None:
        return "left out"
    if isinstance(part, Choices):
        return " | ".join(map(str, part.choices))
    grid = ", ".join(f"{point:g}" for point in part.grid)
    return f"{part.low:g} to {part.high:g}{' (log)' if part.log else ''} with the grid {grid}"
