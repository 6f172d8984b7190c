"""Test accuracy of a recipe over several seeds, through the project's own three commands.

    python -m benchmarks.accuracy --model mlp --dataset mnist --data-dir DIR --recipe best --seeds 5

Each seed is trained, exported and evaluated as a user would; the test split is read once a seed, at
the end, by `evaluate`. The table of `trainers.recipes` quotes the files that this writes.
"""

import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from artifacts.choices import RECIPES
from artifacts.run_directory import RunDirectory
from benchmarks.measuring import RESULTS, ROOT, measurement_head, write_measurement
from benchmarks.own_commands import onnxproof
from models import MODEL_NAMES


@click.command()
@click.option("--model", type=click.Choice(MODEL_NAMES), required=True)
@click.option("--dataset", required=True, metavar="NAME|PATH")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--recipe", type=click.Choice(RECIPES), default="best", show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="At once.")
@click.option(
    "--runs", type=click.Path(path_type=Path), default=ROOT / ".bench/runs", help="Where to train."
)
@click.option("--train-options", default="", help="Further options of `train`, in one string.")
@click.option("--provider", default="cpu", show_default=True, help="Evaluates the ONNX file.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: benchmarks/results/...]")
def command(
    model: str,
    dataset: str,
    data_dir: Path | None,
    recipe: str,
    seeds: int,
    jobs: int,
    runs: Path,
    train_options: str,
    provider: str,
    out: Path | None,
) -> None:
    """Train, export and evaluate with several seeds; write mean and standard deviation."""
    head = measurement_head()  # before the trainings: they are made by the code as it is now
    name = f"{Path(dataset).stem.replace('_', '-')}-{model}-{recipe}"
    located = ["--data-dir", str(data_dir.resolve())] if data_dir else []
    source = str(Path(dataset).resolve()) if Path(dataset).exists() else dataset
    training = ["--model", model, "--dataset", source, *located, "--recipe", recipe]
    training += train_options.split()

    def seed_result(seed: int) -> dict[str, Any]:
        run = RunDirectory(runs.resolve() / f"{name}-{seed}")
        _onnxproof(runs, "train", *training, "--seed", str(seed), "--run", str(run.root))
        _onnxproof(runs, "export", "--run", str(run.root))
        _onnxproof(runs, "evaluate", "--run", str(run.root), "--provider", provider, "--no-latency")
        result = _result(run, provider)
        click.echo(json.dumps(result), err=True)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(seed_result, range(seeds)))
    percents = [100 * result["test_accuracy"] for result in results]
    document = head | {
        "name": name,
        "hyperparameters": _hyperparameters(runs.resolve() / f"{name}-0"),
        "test_percent_mean": round(statistics.mean(percents), 3),
        "test_percent_std": round(statistics.stdev(percents), 3) if seeds > 1 else None,
        "test_percent_min": round(min(percents), 3),
        "seeds": seeds,
        "runs": results,
    }
    target = out or RESULTS / f"accuracy-{name}.json"
    write_measurement(target, document)
    click.echo(
        f"{name}: {document['test_percent_mean']} +- {document['test_percent_std']}% over"
        f" {seeds} seeds; written to {target}"
    )


def _onnxproof(runs: Path, *arguments: str) -> None:
    runs.mkdir(parents=True, exist_ok=True)
    done = onnxproof(*arguments, folder=runs)
    if done.returncode:
        raise click.ClickException(
            f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        )


def _result(run: RunDirectory, provider: str) -> dict[str, Any]:
    training = json.loads(run.training.read_text())
    evaluation = json.loads(run.evaluation("float32", provider).read_text())
    accuracy, parity = evaluation["accuracy"], evaluation["parity"]
    return {
        "seed": json.loads(run.recipe.read_text())["seed"],
        "validation_accuracy": training["val_accuracy"],
        "best_epoch": training["best_epoch"],
        "epochs": training["epochs"],
        "train_seconds": round(training["seconds"], 1),
        "device": training["device"],
        "threads": training["threads"],
        "test_correct": accuracy["correct"],
        "test_examples": accuracy["examples"],
        "test_accuracy": accuracy["top1"],
        "verdict": evaluation["verdict"],
        "onnx_max_abs": parity["max_abs"],
        "onnx_flips": parity["flips"],
    }


def _hyperparameters(run: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(RunDirectory(run).recipe.read_text())["hyperparameters"]
    return settings


if __name__ == "__main__":
    command()
