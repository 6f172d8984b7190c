"""A search space of the user's: a small TOML file that replaces parts of the default one.

[lr]
low = 1e-3
high = 0.1
log = true

[batch_size]
choices = [32, 64]

[dropout]
fixed = 0.2
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from artifacts.json_records import told
from artifacts.training_records import Recipe
from artifacts.tuning_records import Choices, Range, Setting
from errors import ArtifactError, UsageError
from trainers.tuning.space import TYPES, Space, recipe_of_trial
from untrusted.files import content_of_file

MOST_BYTES = 1 << 20
GRID_POINTS = 3  # of a range whose grid is not given
_KEYS = ({"low", "high", "log", "grid"}, {"choices"}, {"fixed"})
_WANTED = "low and high (and log, grid), choices, or fixed"


def space_with_file(default: Space, file: Path, recipe: Recipe) -> dict[str, Range | Choices]:
    """Return the default space with what the file says in the place of its parts.

    Args:
        default: of the recipe.
        file: TOML, a table for each setting that is to be searched otherwise.
        recipe: that the settings are put into, which says what is possible.

    Raises:
        ArtifactError: the file cannot be read or is no TOML; or it names a setting that is not
            searched here, or a value that it cannot have.
    """
    space = dict(default)
    for name, table in _tables(file).items():
        if name not in default:
            wanted = ", ".join(default)
            known = name in TYPES
            problem = "is not searched for this network" if known else "is no setting"
            raise ArtifactError(str(file), f"{name} {problem}: wanted one of {wanted}")
        try:
            space[name] = _searched(name, table)
            _require_possible(name, space[name], recipe)
        except ValidationError as error:
            raise ArtifactError(str(file), f"{name}: {_reason(error, name)}") from None
        except UsageError as error:
            raise ArtifactError(str(file), f"{name}: {error.problem}") from None
        except ValueError as error:
            raise ArtifactError(str(file), f"{name}: {error}") from None
    return space


def _tables(file: Path) -> dict[str, object]:
    content = content_of_file(file, most_bytes=MOST_BYTES)
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(str(file), f"is not TOML: {error}") from None


def _searched(name: str, table: object) -> Range | Choices:
    if not isinstance(table, Mapping) or not any(
        set(table) <= keys and set(table) & {"low", "choices", "fixed"} for keys in _KEYS
    ):
        found = ", ".join(table) if isinstance(table, Mapping) else repr(table)
        raise ValueError(f"wanted {_WANTED}, found {found or 'nothing'}")
    if "fixed" in table:
        return Choices(choices=(_setting(name, "fixed", table["fixed"]),))
    if "choices" in table:
        return Choices(choices=_settings(name, "choices", table["choices"]))
    return _range(name, table)


def _range(name: str, table: Mapping[str, object]) -> Range:
    if TYPES[name] is str:
        raise ValueError("has no range: wanted choices or fixed")
    if "high" not in table:
        raise ValueError("wanted high beside low")
    log = table.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"log: wanted true or false, found {log!r}")
    low, high = (float(_setting(name, key, table[key])) for key in ("low", "high"))
    if "grid" in table:
        grid = tuple(float(point) for point in _settings(name, "grid", table["grid"]))
    else:
        # Refuses what has no such points before they are asked for.
        Range(low=low, high=high, log=log, grid=(low,))
        grid = _grid(low, high, log=log, whole=TYPES[name] is int)
    return Range(low=low, high=high, log=log, grid=grid)


def _grid(low: float, high: float, *, log: bool, whole: bool) -> tuple[float, ...]:
    spaced = (np.geomspace if log else np.linspace)(low, high, GRID_POINTS)
    # Rounding must not lead out of the range.
    points = [low, *map(float, spaced[1:-1]), high]
    return tuple(dict.fromkeys(float(round(point)) for point in points) if whole else points)


def _settings(name: str, key: str, found: object) -> tuple[Setting, ...]:
    if not isinstance(found, list):
        raise ValueError(f"{key}: wanted a list, found {found!r}")
    return tuple(_setting(name, key, one) for one in found)


def _setting(name: str, key: str, found: object) -> Setting:
    wanted = TYPES[name]
    if wanted is str and isinstance(found, str):
        return found
    if wanted is int and isinstance(found, int) and not isinstance(found, bool):
        return found
    if wanted is float and isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    words = {int: "a whole number", float: "a number", str: "a text in quotes"}
    raise ValueError(f"{key}: wanted {words[wanted]}, found {found!r}")


def _require_possible(name: str, searched: Range | Choices, recipe: Recipe) -> None:
    """Return if a training can have the ends of the range, or each of the choices."""
    if isinstance(searched, Choices):
        ends: tuple[Setting, ...] = searched.choices
    else:
        ends = tuple(TYPES[name](end) for end in (searched.low, searched.high))
    for end in ends:
        recipe_of_trial(recipe, {name: end})


def _reason(error: ValidationError, name: str) -> str:
    return told(error).removeprefix(f"{name}: ").removeprefix("Value error, ")
