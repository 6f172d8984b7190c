"""Who proposes a trial's settings, and who ends a trial that promises nothing: Optuna's parts.

What is drawn for a trial depends on the study's seed, the trial's seat and the trials before it,
and on no state of a process: a search that was stopped and taken up again proposes what an
uninterrupted one would have.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from artifacts.choices import Pruner, Sampler
from artifacts.tuning_records import Choices, Setting
from errors import UsageError
from trainers.tuning.space import TYPES, Settings, Space

SEAT = "seat"  # attribute of a trial: its place among those that are wanted, from 0
TPE_STARTUP_TRIALS = 10  # before it models anything: Optuna's default
MEDIAN_STARTUP_TRIALS = 5  # complete ones, before the median of them says anything
WARM_UP_SHARE = 0.2  # of the epochs, which the median does not judge
HALVING_FACTOR = 3  # the best third goes on
MOST_GRID_POINTS = 100_000


class SeatSampler(BaseSampler):
    """A sampler that is made anew for each trial, seeded by the study's seed and the trial's seat.

    Args:
        make: a sampler of a seed.
        seed: of the study.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make = make
        self._seed = seed
        self._sampler = make(seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the trial's own sampler."""
        seat = int(trial.user_attrs.get(SEAT, 0))
        state = np.random.SeedSequence((self._seed, seat)).generate_state(1)
        self._sampler = self._make(int(state[0]))
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the trial's sampler draws together."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what it draws together."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return what it draws of one setting alone."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)


def sampler_for(sampler: Sampler, seed: int) -> BaseSampler:
    """Return Optuna's sampler of that name; the points of a grid are given, not drawn."""
    if sampler == "tpe":
        return SeatSampler(
            lambda own: TPESampler(seed=own, n_startup_trials=TPE_STARTUP_TRIALS), seed
        )
    return SeatSampler(lambda own: RandomSampler(seed=own), seed)


def neighbour_of(own: Settings, space: Space, seat: int, seed: int) -> Settings:
    """Return what a trial is given before TPE models anything: the recipe's own settings but one.

    Each setting has its turn. A choice is another than the recipe's own; a setting of a range is
    left out, for the sampler to draw. Drawn all at once, settings around a good recipe are nearly
    always worse than it, and say little of any.

    Args:
        own: the recipe's settings, each within the space.
        space: what may be tried.
        seat: of the trial; 0 has all of the recipe's own, and later ones are given nothing.
        seed: of the study, which decides about order and choices.
    """
    if seat == 0:
        return own
    names = [name for name, searched in space.items() if not searched.is_fixed]
    if seat >= TPE_STARTUP_TRIALS or not names:
        return {}
    turn, place = divmod(seat - 1, len(names))
    number = int(np.random.default_rng(seed).permutation(len(names))[place])
    name = names[number]
    kept = {other: setting for other, setting in own.items() if other != name}
    searched = space[name]
    if not isinstance(searched, Choices):
        return kept
    others = [choice for choice in searched.choices if choice != own[name]]
    order = np.random.default_rng((seed, number)).permutation(len(others))
    return kept | {name: others[order[turn % len(others)]]}


def pruner_for(pruner: Pruner, epochs: int) -> BasePruner:
    """Return Optuna's pruner of that name, for trials of so many epochs."""
    if pruner == "median":
        return MedianPruner(
            n_startup_trials=MEDIAN_STARTUP_TRIALS, n_warmup_steps=math.ceil(WARM_UP_SHARE * epochs)
        )
    if pruner == "halving":
        # Of 20 epochs it judges after the 3rd, the 7th and the 19th.
        first = max(1, epochs // HALVING_FACTOR**2)
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=HALVING_FACTOR)
    return NopPruner()


def suggested(trial: optuna.Trial, space: Space) -> dict[str, Setting]:
    """Return the settings that the trial is to have, each within its part of the space."""
    settings: dict[str, Setting] = {}
    for name, searched in space.items():
        if isinstance(searched, Choices):
            choice = trial.suggest_categorical(name, searched.choices)
            assert choice is not None  # Optuna's choices may be
            settings[name] = choice
        elif TYPES[name] is int:
            low, high = int(searched.low), int(searched.high)
            settings[name] = trial.suggest_int(name, low, high, log=searched.log)
        else:
            settings[name] = trial.suggest_float(
                name, searched.low, searched.high, log=searched.log
            )
    return settings


class Grid:
    """The points of a grid in an order that the seed decides, the recipe's own settings first.

    Optuna's own sampler of grids lets two workers take the same point; here each seat has its own.

    Args:
        space: whose grid it is.
        seed: of the order.
        first: the settings of seat 0, if they have been decided; no other seat has them.

    Raises:
        UsageError: there are more points than anybody would wait for.
    """

    def __init__(self, space: Space, seed: int, first: Settings | None) -> None:
        self._points = {name: _typed(name, searched.points()) for name, searched in space.items()}
        sizes = [len(points) for points in self._points.values()]
        if math.prod(sizes) > MOST_GRID_POINTS:
            raise UsageError(
                "--sampler grid",
                f"the space has {math.prod(sizes):,} points: wanted up to {MOST_GRID_POINTS:,}",
                hint="give fewer with --space FILE.toml: grid = [...] of a range, or choices",
            )
        order = np.random.default_rng(seed).permutation(math.prod(sizes))
        places = np.stack(np.unravel_index(order, sizes), axis=1).tolist()
        settings = [self._settings(place) for place in places]
        self._seats = settings if first is None else [first, *(s for s in settings if s != first)]

    def __len__(self) -> int:
        """Return how many trials it takes."""
        return len(self._seats)

    def __getitem__(self, seat: int) -> Settings:
        """Return the settings of a seat."""
        return self._seats[seat]

    def _settings(self, place: Sequence[int]) -> Mapping[str, Setting]:
        return {
            name: points[index]
            for (name, points), index in zip(self._points.items(), place, strict=True)
        }


def _typed(name: str, points: Sequence[Setting]) -> list[Setting]:
    return [TYPES[name](point) for point in points]
