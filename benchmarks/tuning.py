"""Grid, random search and TPE at equal budget: what each finds, and what that is worth.

    python -m benchmarks.tuning --data-dir DIR

Every search is the project's own `tune`, on MNIST and the MLP. What it chose is trained again by
`train --from-study`, exported and evaluated: the test split is read once a search, at the end, and
chooses nothing. Accuracies alone are measured, so other processes may run meanwhile.
"""

import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from artifacts.choices import SAMPLERS, Sampler
from artifacts.evaluation_records import Evaluation
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.study_directory import StudyDirectory
from artifacts.training_records import Training
from artifacts.tuning_records import TuningStudy
from benchmarks.measuring import RESULTS, measurement_head, write_measurement
from benchmarks.own_commands import done, onnxproof
from benchmarks.targets import Target

# 10,000 of MNIST's images to train on, and as many to validate: so that the choice among trials is
# not mostly chance.
SUBSET, VAL_SPLIT = 1 / 3, 0.5
TRIALS, EPOCHS, SEEDS = 30, 10, 3
THREADS = ("--threads", "1")  # of each process, of which several run at once


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where searches are kept, and the options that all trainings have in common."""

    folder: Path
    common: tuple[str, ...]

    def command(self, name: str, *options: str) -> None:
        """Run a command of the project.

        Raises:
            click.ClickException: it did not end well.
        """
        done(onnxproof(name, *options, folder=self.folder))

    def tested(self, run: RunDirectory) -> dict[str, Any]:
        """Export and evaluate a trained run; return its accuracies."""
        self.command("export", "--run", str(run.root))
        self.command("evaluate", "--run", str(run.root), "--no-latency")
        evaluation = read_record(run.evaluation("float32", "cpu"), Evaluation)
        accuracy = evaluation.accuracy
        assert accuracy is not None
        return {
            "val_accuracy": read_record(run.training, Training).val_accuracy,
            "test_correct": accuracy.correct,
            "test_examples": accuracy.examples,
            "verdict": evaluation.verdict,
        }


def searched(place: Place, sampler: Sampler, seed: int, trials: int) -> dict[str, Any]:
    """Search, train the best again, evaluate it; return what was found.

    Raises:
        click.ClickException: a command failed, or the best trial cannot be trained again.
    """
    study = StudyDirectory(place.folder / f"{sampler}-{seed}")
    options = ("--sampler", sampler, "--trials", str(trials), "--seed", str(seed))
    place.command("tune", *place.common, *options, "--study", str(study.root))
    found = read_record(study.record, TuningStudy)
    run = RunDirectory(place.folder / f"{sampler}-{seed}-best")
    # With as many threads as the trials had, for the same sums in the same order.
    same = ("--from-study", str(study.root), *THREADS)
    place.command("train", *same, "--run", str(run.root))
    result = summary(found) | {"sampler": sampler, "seed": seed} | place.tested(run)
    if result["val_accuracy"] != result["best_values"][-1]:
        raise click.ClickException(f"{study.root.name}: trained again, the best is another network")
    return result


def summary(study: TuningStudy) -> dict[str, Any]:
    """Return what a search found, and by when."""
    best, defaults = study.trial(study.best), study.trial(study.defaults)
    assert best is not None
    assert defaults is not None
    return {
        "train_examples": study.recipe.train_examples,
        "val_examples": study.recipe.val_examples,
        "recipe_val_accuracy": defaults.value,
        "best_values": [best_value(study, number) for number in range(1, len(study.trials) + 1)],
        "best_trial": best.number,
        "best_settings": best.settings,
        "complete": len(study.of_state("complete")),
        "pruned": len(study.of_state("pruned")),
        "failed": len(study.of_state("failed")),
        "epochs": sum(len(trial.val_accuracy) for trial in study.trials),
    }


def best_value(study: TuningStudy, count: int) -> float | None:
    """Return the best validation accuracy of the first so many trials."""
    first = [trial for trial in study.of_state("complete") if trial.number < count]
    return max((trial.value or 0.0 for trial in first), default=None)


def judged(searches: list[dict[str, Any]]) -> list[Target]:
    """Return whether TPE found better settings than the recipe's own, with every seed."""
    leads = [
        100 * (one["val_accuracy"] - one["recipe_val_accuracy"])
        for one in searches
        if one["sampler"] == "tpe"
    ]
    return [
        {
            "name": "TPE's best validation accuracy above the recipe's, points, with every seed",
            "wanted": "more than 0",
            "measured": f"{min(leads):.2f} to {max(leads):.2f}" if leads else "not measured",
            "met": min(leads) > 0 if leads else None,
        }
    ]


@click.command()
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="At once.")
@click.option("--trials", type=click.IntRange(2), default=TRIALS, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=EPOCHS, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "tuning.json")
def command(data_dir: Path, jobs: int, trials: int, epochs: int, seeds: int, out: Path) -> None:
    """Search with each sampler and several seeds; write what was found."""
    head = measurement_head()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        common = (
            *("--model", "mlp", "--dataset", "mnist", "--data-dir", str(data_dir.resolve())),
            *("--epochs", str(epochs), "--subset", repr(SUBSET), "--val-split", repr(VAL_SPLIT)),
            *THREADS,
        )
        place = Place(folder=Path(folder), common=common)

        def recipe(seed: int) -> dict[str, Any]:
            run = RunDirectory(place.folder / f"recipe-{seed}")
            place.command("train", *place.common, "--seed", str(seed), "--run", str(run.root))
            return {"seed": seed} | place.tested(run)

        def search(order: tuple[int, Sampler]) -> dict[str, Any]:
            seed, sampler = order
            result = searched(place, sampler, seed, trials)
            click.echo(f"{sampler}, seed {seed}: {result['best_values'][-1]:.4f}", err=True)
            return result

        recipes = list(pool.map(recipe, range(seeds)))
        searches = list(pool.map(search, itertools.product(range(seeds), SAMPLERS)))
    document = head | {
        "trials": trials,
        "epochs": epochs,
        "recipes": recipes,
        "searches": searches,
        "targets": judged(searches),
    }
    write_measurement(out, document)
    click.echo(out)


if __name__ == "__main__":
    command()
