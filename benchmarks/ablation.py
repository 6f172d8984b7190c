"""What each part of a `best` recipe is worth: the recipe without it, on several seeds.

    python -m benchmarks.ablation --model mlp --dataset mnist --data-dir DIR

Measured on the validation split, since the test split is read once, by the recipe as it was chosen.
"""

import multiprocessing
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from artifacts.training_records import Hyperparameters
from benchmarks.measuring import RESULTS, measurement_head, write_measurement
from models import MODEL_NAMES


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training; picklable, since it goes to a process of its own."""

    variant: str
    overrides: dict[str, object]
    model: str
    dataset: str
    data_dir: Path | None
    seed: int
    threads: int | None


def variants(best: Hyperparameters) -> dict[str, dict[str, object]]:
    """Return the recipe, the recipe without each part, and with those it does without."""
    augmentation = best.augmentation.model_dump()
    parts: dict[str, dict[str, object]] = {"best": {}}
    if any(augmentation.values()):
        parts["no augmentation"] = {"augmentation": {}}
    for part, value in augmentation.items():
        if value:
            parts[f"no {part}"] = {"augmentation": augmentation | {part: 0.0}}
    if best.label_smoothing:
        parts["no label smoothing"] = {"label_smoothing": 0.0}
    if best.schedule == "one-cycle":
        parts["constant learning rate"] = {"schedule": "constant"}
        parts["constant, a tenth of the rate"] = {"schedule": "constant", "lr": best.lr / 10}
    if best.weight_decay:
        parts["no weight decay"] = {"weight_decay": 0.0}
    parts["Adam 1e-3"] = {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0}
    if not augmentation["cutout"]:
        parts["with cutout 0.2"] = {"augmentation": augmentation | {"cutout": 0.2}}
    if best.weight_averaging:
        parts["no weight averaging"] = {"weight_averaging": 0.0}
    else:
        parts["with weight averaging 0.999"] = {"weight_averaging": 0.999}
    return parts


def validation_accuracy(trial: Trial) -> float:
    """Train and return the best validation accuracy, in percent."""
    from artifacts.run_directory import RunDirectory
    from commands.run_data import dataset_spec
    from data import load_dataset
    from models import network_name
    from trainers.plan import planned_training
    from trainers.processes import processes_of
    from trainers.train import ExecutionOptions, train

    dataset = load_dataset(trial.dataset, data_dir=trial.data_dir)
    recipe, indices = planned_training(
        dataset,
        spec=dataset_spec(dataset, trial.dataset, trial.data_dir),
        network=network_name(trial.model),
        recipe="best",
        overrides=trial.overrides,
        val_split=None,
        subset=1.0,
        seed=trial.seed,
        device_type="cpu",
    )
    with tempfile.TemporaryDirectory() as folder, processes_of("cpu") as processes:
        training = train(
            recipe,
            dataset,
            indices,
            run=RunDirectory(Path(folder)),
            processes=processes,
            options=ExecutionOptions(threads=trial.threads),
            resume=False,
            watchers=[],
            stop_requested=lambda: False,
            command="",
        )
    assert training is not None
    return 100 * training.val_accuracy


@click.command()
@click.option("--model", type=click.Choice(MODEL_NAMES), required=True)
@click.option("--dataset", required=True, metavar="NAME|PATH")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seeds", type=click.IntRange(2), default=3, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="[default: the recipe's]")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="At once.")
@click.option("--threads", type=click.IntRange(1), help="Of each training.")
def command(
    model: str,
    dataset: str,
    data_dir: Path | None,
    seeds: int,
    epochs: int | None,
    jobs: int,
    threads: int | None,
) -> None:
    """Train a recipe without each of its parts; write the validation accuracies."""
    from trainers.recipes import named_recipe

    head = measurement_head()
    best = named_recipe("best", model, Path(dataset).stem).settings
    shorter: dict[str, object] = {"epochs": epochs} if epochs else {}
    trials = [
        Trial(
            variant=variant,
            overrides=shorter | overrides,
            model=model,
            dataset=dataset,
            data_dir=data_dir,
            seed=seed,
            threads=threads,
        )
        for variant, overrides in variants(best).items()
        for seed in range(seeds)
    ]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        percents = []
        for trial, percent in zip(trials, pool.map(validation_accuracy, trials), strict=True):
            percents.append(percent)
            done = f"{len(percents)} of {len(trials)}"
            click.echo(f"{done}: {trial.variant}, seed {trial.seed}: {percent:.2f}%", err=True)
    rows = _rows(trials, percents)
    document = head | {"model": model, "settings": (best.model_dump() | shorter), "rows": rows}
    name = f"ablation-{Path(dataset).stem.replace('_', '-')}-{model}"
    write_measurement(RESULTS / f"{name}.json", document)
    for row in rows:
        click.echo(
            f"{row['variant']:<32} {row['mean']:6.2f} +- {row['std']:.2f}  {row['difference']:+.2f}"
        )


def _rows(trials: list[Trial], percents: list[float]) -> list[dict[str, Any]]:
    by_variant: dict[str, list[float]] = {}
    for trial, percent in zip(trials, percents, strict=True):
        by_variant.setdefault(trial.variant, []).append(percent)
    best = statistics.mean(by_variant["best"])
    return [
        {
            "variant": variant,
            "validation_percent": [round(value, 3) for value in values],
            "mean": round(statistics.mean(values), 3),
            "std": round(statistics.stdev(values), 3),
            "difference": round(statistics.mean(values) - best, 3),
        }
        for variant, values in by_variant.items()
    ]


if __name__ == "__main__":
    command()
