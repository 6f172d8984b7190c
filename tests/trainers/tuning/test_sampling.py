import itertools
from typing import get_args

import optuna
import pytest
from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

from artifacts.choices import Sampler
from artifacts.tuning_records import Choices, Range, Setting
from errors import UsageError
from tests.trainers.tuning.searches import recipe_of
from trainers.tuning.sampling import (
    SEAT,
    TPE_STARTUP_TRIALS,
    Grid,
    neighbour_of,
    pruner_for,
    sampler_for,
    suggested,
)
from trainers.tuning.space import Space, default_space, own_settings

SPACE = default_space(recipe_of("mlp"))


def drawn(sampler: Sampler, seats: list[int], seed: int = 0) -> dict[int, dict[str, Setting]]:
    """What one process draws for seats, in this order; each trial is told a value."""
    study = optuna.create_study(sampler=sampler_for(sampler, seed), direction="maximize")
    found = {}
    for seat in seats:
        study.enqueue_trial({}, user_attrs={SEAT: seat})
        trial = study.ask()
        found[seat] = suggested(trial, SPACE)
        study.tell(trial, float(found[seat]["lr"]))
    return found


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_draws_lie_in_the_space_and_follow_from_the_seed(sampler: Sampler) -> None:
    seats = list(range(14))
    one, again, other = (drawn(sampler, seats, seed) for seed in (0, 0, 1))
    assert one == again
    assert one != other
    for settings in one.values():
        assert all(SPACE[name].holds(setting) for name, setting in settings.items())
        assert list(settings) == list(SPACE)
    assert len({str(settings) for settings in one.values()}) == len(seats)


def test_chance_depends_on_the_seat_alone() -> None:
    forth, back = drawn("random", [0, 1, 2, 3]), drawn("random", [3, 1])
    assert back == {seat: forth[seat] for seat in (3, 1)}


def test_tpe_learns_from_what_was_good() -> None:
    found = drawn("tpe", list(range(40)))
    rates = [float(settings["lr"]) for settings in found.values()]
    assert sum(rates[20:]) / 20 > 2 * sum(rates[:10]) / 10


def test_first_trials_differ_from_the_recipe_in_one_setting_and_each_has_its_turn() -> None:
    own = own_settings(recipe_of("mlp"), SPACE)
    assert neighbour_of(own, SPACE, 0, 0) == own
    neighbours = [neighbour_of(own, SPACE, seat, 0) for seat in range(1, TPE_STARTUP_TRIALS)]
    varied = []
    for given in neighbours:
        (name,) = (name for name in SPACE if given.get(name) != own[name])
        assert name in given or isinstance(SPACE[name], Range)  # else the sampler draws it
        varied.append(name)
    assert set(varied[: len(SPACE)]) == set(SPACE)
    assert len({str(given) for given in neighbours if len(given) == len(own)}) >= 3
    assert neighbour_of(own, SPACE, TPE_STARTUP_TRIALS, 0) == {}
    assert neighbour_of(own, SPACE, 1, 0) != neighbour_of(own, SPACE, 1, 1)


def test_setting_that_is_fixed_has_no_turn() -> None:
    space: Space = {"lr": Choices(choices=(0.1,)), "batch_size": Choices(choices=(32, 64))}
    own: dict[str, Setting] = {"lr": 0.1, "batch_size": 32}
    given = [neighbour_of(own, space, seat, 0) for seat in (1, 2)]
    assert given == [{"lr": 0.1, "batch_size": 64}] * 2
    assert neighbour_of({"lr": 0.1}, {"lr": space["lr"]}, 1, 0) == {}


def test_integers_of_a_range_are_integers() -> None:
    space = {"batch_size": Range(low=8, high=64, log=True, grid=(8, 64))}
    study = optuna.create_study(sampler=sampler_for("random", 0))
    found = suggested(study.ask(), space)["batch_size"]
    assert isinstance(found, int)
    assert 8 <= found <= 64


def test_grid_has_each_point_once_and_the_given_one_first() -> None:
    space: Space = {
        "lr": Range(low=0.01, high=1, log=True, grid=(0.01, 0.1, 1)),
        "batch_size": Choices(choices=(32, 64)),
    }
    first = {"lr": 0.1, "batch_size": 64}
    grid = Grid(space, seed=0, first=first)
    found = [tuple(grid[seat].values()) for seat in range(len(grid))]
    assert found[0] == (0.1, 64)
    assert sorted(found) == sorted(itertools.product((0.01, 0.1, 1), (32, 64)))
    assert found != [tuple(grid[seat].values()) for seat in range(6)][::-1]
    # One that is no point of it is tried beside them.
    assert len(Grid(space, seed=0, first={"lr": 0.2, "batch_size": 64})) == 7
    assert len(Grid(space, seed=0, first=None)) == 6


def test_order_of_a_grid_follows_from_the_seed() -> None:
    def order(seed: int) -> list[dict[str, Setting]]:
        grid = Grid(SPACE, seed, None)
        return [dict(grid[seat]) for seat in range(10)]

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_grid_that_nobody_would_wait_for_is_refused() -> None:
    rates = Range(low=1, high=1000, grid=tuple(range(1, 1001)))
    with pytest.raises(UsageError, match="the space has 1,000,000 points"):
        Grid({"lr": rates, "weight_decay": rates}, 0, None)


def test_pruners_are_optunas() -> None:
    assert isinstance(pruner_for("median", 20), MedianPruner)
    assert isinstance(pruner_for("halving", 20), SuccessiveHalvingPruner)
    assert isinstance(pruner_for("none", 20), NopPruner)
