"""The table of searches for hyperparameters."""

import statistics
from collections.abc import Sequence

from artifacts.choices import SAMPLERS
from benchmarks.markdown import Measured, source_line, table
from benchmarks.targets import target_table

TUNING = """\
## Searches for hyperparameters

Grid, random search and TPE with the same number of trials, on MNIST with the MLP: 10,000 images to
train on, 10,000 to validate. The first trial of each search is the recipe's own settings, so none
ends below them; TPE's next nine differ from them in one setting; the grid's are points of it in an
order drawn by the seed. Validation accuracy is that of the best trial, and flattered, since it was
chosen by it; test accuracy is that of the same network, which `train --from-study` trained again,
and it chose nothing. Mean over the seeds, least and most; "above" is beside the recipe's own
settings with the same seed, in points. How long searches took is not told: the machine was shared.
"""


def tuning_table(measured: Measured) -> str:
    """Return a row a sampler, the recipe's own settings first."""
    recipes = {one["seed"]: one for one in measured["recipes"]}
    rows = [
        (
            "none: the recipe",
            "1",
            "",
            _spread([one["val_accuracy"] for one in recipes.values()]),
            "",
            _spread([_test(one) for one in recipes.values()]),
            *("", ""),
        )
    ]
    for sampler in SAMPLERS:
        searches = [one for one in measured["searches"] if one["sampler"] == sampler]
        own = [recipes[one["seed"]] for one in searches]
        val = [one["val_accuracy"] for one in searches]
        val_lead = [a - b["val_accuracy"] for a, b in zip(val, own, strict=True)]
        test = [_test(one) for one in searches]
        test_lead = [a - _test(b) for a, b in zip(test, own, strict=True)]
        third = measured["trials"] // 3
        rows.append(
            (
                sampler,
                str(measured["trials"]),
                _spread([one["best_values"][third - 1] for one in searches]),
                _spread(val),
                _spread(val_lead, sign="+"),
                _spread(test),
                _spread(test_lead, sign="+"),
                f"{statistics.mean(one['pruned'] for one in searches):.0f}",
            )
        )
    header = (
        *("sampler", "trials", "validation after a third, %", "validation, %", "above"),
        *("test, %", "above", "ended early"),
    )
    told = f"  {measured['trials']} trials of {measured['epochs']} epochs, {len(recipes)} seeds\n"
    targets = target_table(measured["targets"])
    return f"{table(header, rows)}\n{targets}\n{source_line(measured)}{told}"


def _test(one: Measured) -> float:
    return float(one["test_correct"] / one["test_examples"])


def _spread(shares: Sequence[float], sign: str = "") -> str:
    """Return mean, least and most in percent."""
    mean, least, most = (
        f"{100 * value:{sign}.2f}" for value in (statistics.mean(shares), min(shares), max(shares))
    )
    return f"{mean} ({least} to {most})"
