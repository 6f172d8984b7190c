"""`train`: trains one network and writes its run."""

from pathlib import Path

import click

from artifacts.choices import OPTIMIZERS, RECIPES, TRAINING_PRECISIONS, RecipeName
from commands.options import (
    LARGEST_BATCH,
    FiniteRange,
    data_dir_option,
    dataset_option,
    device_option,
    output_options,
    run_option,
)
from models import MODEL_NAMES


@click.command("train")
@click.option(
    "--model", type=click.Choice(MODEL_NAMES), default="lenet5", show_default=True, help="Network."
)
@dataset_option("digits")
@data_dir_option
@run_option("Directory to write.  [default: runs/DATASET-MODEL]")
@click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    default="best",
    show_default=True,
    help="Settings that the options below replace one by one.",
)
@click.option("--epochs", type=click.IntRange(1, 10**9), help="Passes over the training examples.")
@click.option(
    "--batch-size", type=click.IntRange(1, LARGEST_BATCH), help="Examples in an optimizer step."
)
@click.option(
    "--lr", type=FiniteRange(min=0, min_open=True), help="Learning rate; one-cycle's peak."
)
@click.option("--optimizer", type=click.Choice(OPTIMIZERS))
@click.option(
    "--val-split",
    type=FiniteRange(min=0, max=1, min_open=True, max_open=True),
    help="Fraction of the training examples that validate.",
)
@click.option(
    "--subset",
    type=FiniteRange(min=0, max=1, min_open=True),
    default=1.0,
    show_default=True,
    help="Fraction of the training examples to use at all, stratified.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@device_option("Where to train.")
@click.option(
    "--precision",
    type=click.Choice(TRAINING_PRECISIONS),
    help="Of the arithmetic; weights stay float32.",
)
@click.option("--resume", is_flag=True, help="Go on with an unfinished training.")
@output_options
def command(
    model: str,
    dataset: str,
    data_dir: Path | None,
    run: Path | None,
    recipe: RecipeName,
    epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    optimizer: str | None,
    val_split: float | None,
    subset: float,
    seed: int,
    device: str,
    precision: str | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Train one network and write its run directory.

    \b
    Example: python cli.py train --model resnet18 --dataset mnist --epochs 3
    """
    from commands.console import print_json, print_pairs, show_log
    from commands.steps import TrainingOptions, train_step

    show_log()
    options = TrainingOptions(
        model=model,
        dataset=dataset,
        data_dir=data_dir,
        run=run,
        recipe=recipe,
        overrides={
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "optimizer": optimizer,
            "precision": precision,
        },
        val_split=val_split,
        subset=subset,
        seed=seed,
        device=device,
        resume=resume,
    )
    written, training = train_step(options)
    if as_json:
        print_json(training.to_dict())
        return
    print_pairs(
        f"trained {model} on {dataset}",
        [
            ("parameters", f"{training.parameters:,}"),
            ("best epoch", f"{training.best_epoch} of {training.epochs}"),
            (
                "validation",
                f"{100 * training.val_accuracy:.2f}%"
                f" ({training.val_correct} of {training.val_examples})",
            ),
            ("time", f"{training.seconds:.1f} s on {training.device}"),
            ("run", str(written.root)),
            ("next", f"python cli.py export --run {written.root}"),
        ],
    )
