"""study.json of a search for hyperparameters: what was searched, and every trial of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from artifacts.choices import MOST_TRIALS, Pruner, Sampler
from artifacts.environment import Environment
from artifacts.json_records import MOST, SCHEMA, Count, Duration, Positive, Record, Share
from artifacts.training_records import Recipe

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# Of a searched hyperparameter; widths are a word such as "128,64".
Setting = Annotated[int, Field(ge=-MOST, le=MOST)] | float | Word
TrialState = Literal["complete", "pruned", "failed", "running"]
MOST_CHOICES = 1_000


class Range(Record):
    """Every number from `low` to `high` may be tried; with `log` each power of ten is as likely."""

    low: float
    high: float
    log: bool = False
    grid: tuple[float, ...] = Field(min_length=1, max_length=MOST_CHOICES)  # of a grid search

    @model_validator(mode="after")
    def _require_order(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"wanted low below high, found {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"wanted low above 0 where log is true, found {self.low:g}")
        if outside := [point for point in self.grid if not self.low <= point <= self.high]:
            raise ValueError(
                f"wanted grid points from {self.low:g} to {self.high:g}, found {outside[0]:g}"
            )
        if len(set(self.grid)) < len(self.grid):
            raise ValueError("a grid point is there twice")
        return self

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose: never, since low is below high."""
        return False

    def points(self) -> tuple[Setting, ...]:
        """Return what a grid search tries."""
        return self.grid

    def holds(self, setting: Setting) -> bool:
        """Return whether the setting may be tried."""
        return not isinstance(setting, str) and self.low <= setting <= self.high


class Choices(Record):
    """One of these may be tried; a single one is a setting that stays as it is."""

    choices: tuple[Setting, ...] = Field(min_length=1, max_length=MOST_CHOICES)

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return len(self.choices) == 1

    @model_validator(mode="after")
    def _require_different(self) -> "Choices":
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("a choice is there twice")
        return self

    def points(self) -> tuple[Setting, ...]:
        """Return what a grid search tries."""
        return self.choices

    def holds(self, setting: Setting) -> bool:
        """Return whether the setting may be tried."""
        return setting in self.choices


class Trial(Record):
    """One training of a search, with settings of its own.

    Attributes:
        number: from 0; a trial whose process was killed is done again under its number.
        state: `pruned`: ended early, because it was worse than others at the same epoch.
        settings: by the names of the space; empty only where the trial has just begun.
        val_accuracy: after each of its epochs.
        value: what is searched for: the best of those; None unless the trial is complete or pruned.
        seconds: that it took, or has taken so far.
        worker: the process that trained it, as host:pid.
        failure: why it failed, in one line.
    """

    number: Count
    state: TrialState
    settings: dict[Word, Setting]
    val_accuracy: tuple[Share, ...]
    value: Share | None
    seconds: Duration
    worker: str
    failure: str | None = None

    @model_validator(mode="after")
    def _require_consistency(self) -> "Trial":
        has_value = self.state in ("complete", "pruned")
        if (self.value is not None) != has_value:
            raise ValueError(f"a {self.state} trial has {'no' if has_value else 'a'} value")
        if self.value is not None and self.value != max(self.val_accuracy, default=None):
            raise ValueError("value is not the best val_accuracy")
        if (self.failure is not None) != (self.state == "failed"):
            raise ValueError("exactly the trials that failed say why")
        return self


class TuningStudy(Record):
    """study.json of `tune`: a search for the settings with the best validation accuracy.

    Attributes:
        name: of the study within its storage.
        recipe: of the defaults: network, dataset, epochs, split, seed. A trial differs from it by
            its settings alone.
        space: what was searched, by the names of the trials' settings.
        storage: where Optuna keeps the study, a URL without its password, or a file.
        wanted: how many trials the study is to have.
        trials: by their numbers.
        best: number of the complete trial with the best value, the earliest of several.
        defaults: number of the trial with the recipe's own settings; None where the space does not
            hold them.
        importances: share of the variance of the values that a setting explains (fANOVA); empty
            where `no_importances` says why.
    """

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    study: Literal["tune"] = "tune"
    name: Word
    recipe: Recipe
    space: dict[Word, Range | Choices]
    sampler: Sampler
    pruner: Pruner
    storage: str
    wanted: Positive
    trials: tuple[Trial, ...] = Field(max_length=MOST_TRIALS)
    best: Count | None
    defaults: Count | None
    importances: dict[Word, Share]
    no_importances: str | None = None
    environment: Environment
    command: str

    @model_validator(mode="after")
    def _require_whole(self) -> "TuningStudy":
        numbers = [trial.number for trial in self.trials]
        if numbers != sorted(set(numbers)):
            raise ValueError("trials are not in the order of their numbers")
        for trial in self.trials:
            for name, setting in trial.settings.items():
                if name not in self.space or not self.space[name].holds(setting):
                    raise ValueError(f"trial {trial.number} has {name} {setting} outside the space")
        if self.best != self._best_by_value():
            raise ValueError("best is not the complete trial with the best value")
        if self.defaults is not None and self.defaults not in numbers:
            raise ValueError("the trial of the defaults is not there")
        if not set(self.importances) <= set(self.space):
            raise ValueError("an importance is of nothing in the space")
        return self

    def _best_by_value(self) -> int | None:
        complete = [(t.value or 0.0, -t.number) for t in self.trials if t.state == "complete"]
        return -max(complete)[1] if complete else None

    def trial(self, number: int | None) -> Trial | None:
        """Return the trial of that number, None where there is none."""
        return next((trial for trial in self.trials if trial.number == number), None)

    def of_state(self, *states: TrialState) -> tuple[Trial, ...]:
        """Return the trials that are in one of the states."""
        return tuple(trial for trial in self.trials if trial.state in states)
