"""`train`: trains one network and writes its run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import (
    LOSSES,
    OPTIMIZERS,
    RECIPES,
    SCHEDULES,
    TRAINING_PRECISIONS,
    RecipeName,
)
from artifacts.shell import pasteable
from commands.completion_values import searches
from commands.networks import hidden_layer_options, model_option, pretrained_option
from commands.options import (
    LARGEST_BATCH,
    FiniteRange,
    data_dir_option,
    dataset_option,
    device_option,
    image_size_option,
    output_options,
    run_option,
    seed_option,
    subset_option,
    val_split_option,
)

if TYPE_CHECKING:  # at run time they load torch and pydantic
    from artifacts.run_directory import RunDirectory
    from artifacts.training_records import Training
    from commands.training_steps import TrainingOptions


@click.command("train")
@model_option("lenet5")
@click.option(
    "--from-study",
    metavar="NAME|DIR",
    shell_complete=searches,
    help="Train the best trial of a search by `tune`: its network, dataset and settings, but for"
    " the options that are given.",
)
@hidden_layer_options
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Begin with these: safetensors, or a state dict of torch.save.",
)
@pretrained_option
@dataset_option("digits")
@data_dir_option
@image_size_option
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
@click.option("--weight-decay", type=FiniteRange(min=0))
@click.option("--schedule", type=click.Choice(SCHEDULES), help="Of the learning rate.")
@click.option("--loss", type=click.Choice(LOSSES), help="What to make small.")
@click.option(
    "--label-smoothing",
    type=FiniteRange(min=0, max=1, max_open=True),
    help="Share of each target that is spread over all classes.",
)
@click.option("--no-augmentation", is_flag=True, help="Train on the images as they are.")
@click.option(
    "--weight-averaging",
    type=FiniteRange(min=0, max=1, max_open=True),
    metavar="DECAY",
    help="Validate and keep a moving average of the weights, 0.999 say; 0 is none.",
)
@click.option(
    "--early-stopping",
    type=click.IntRange(1, 10**9),
    metavar="EPOCHS",
    help="End after so many epochs without a better validation.",
)
@val_split_option
@subset_option
@seed_option()
@device_option("Where to train.")
@click.option(
    "--precision",
    type=click.Choice(TRAINING_PRECISIONS),
    help="Of the arithmetic; weights stay float32.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 4096),
    help="Of each process.  [default: as many as the network's size is worth]",
)
@click.option(
    "--deterministic/--no-deterministic",
    default=None,
    help="Only operations that give the same bits each time.  [default: on the CPU]",
)
@click.option(
    "--image-memory",
    type=click.IntRange(0),
    metavar="MIB",
    help="What the images may take; those that do not fit are read from the disk, ahead of their"
    " use.  [default: half of what is free]",
)
@click.option("--compile", "compiled", is_flag=True, help="Train through torch.compile.")
@click.option("--resume", is_flag=True, help="Go on with an unfinished training.")
@click.option(
    "--test-curve/--no-test-curve",
    default=None,
    help="Measure the test split after each epoch too, for the report's curves; nothing is chosen"
    " by it.  [default: with --recipe assignment]",
)
@click.option("--tensorboard", is_flag=True, help="Write scalars to RUN/tensorboard.")
@output_options
def command(
    model: str,
    from_study: str | None,
    widths: tuple[int, ...] | None,
    dropout: float,
    weights: Path | None,
    pretrained: bool,
    dataset: str,
    data_dir: Path | None,
    image_size: tuple[int, int] | None,
    run: Path | None,
    recipe: RecipeName,
    epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    optimizer: str | None,
    weight_decay: float | None,
    schedule: str | None,
    loss: str | None,
    label_smoothing: float | None,
    no_augmentation: bool,
    weight_averaging: float | None,
    early_stopping: int | None,
    val_split: float | None,
    subset: float,
    seed: int,
    device: str,
    precision: str | None,
    threads: int | None,
    deterministic: bool | None,
    image_memory: int | None,
    compiled: bool,
    resume: bool,
    test_curve: bool | None,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Train one network and write its run directory.

    \b
    Examples: python cli.py train --model resnet18 --dataset mnist --epochs 3
              python cli.py train --model net.py:factory --dataset photos/ --image-size 64
    """
    from artifacts.json_records import document_of_record
    from commands.console import print_json, show_log
    from commands.training_steps import TrainingOptions, train_step

    show_log()
    options = TrainingOptions(
        model=model,
        widths=widths,
        dropout=dropout,
        weights=weights,
        pretrained=pretrained,
        dataset=dataset,
        data_dir=data_dir,
        image_size=image_size,
        run=run,
        recipe=recipe,
        overrides={
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "optimizer": optimizer,
            "weight_decay": weight_decay,
            "schedule": schedule,
            "loss": loss,
            "label_smoothing": label_smoothing,
            "augmentation": {} if no_augmentation else None,
            "weight_averaging": weight_averaging,
            "patience": early_stopping,
            "precision": precision,
        },
        val_split=val_split,
        subset=subset,
        seed=seed,
        device=device,
        threads=threads,
        deterministic=deterministic,
        memory_bytes=None if image_memory is None else image_memory << 20,
        compiled=compiled,
        resume=resume,
        tensorboard=tensorboard,
        test_curve=test_curve,
    )
    if from_study is not None:
        from commands.from_study import given_options, options_with_best_trial

        options = options_with_best_trial(options, from_study, given_options())
    written, training = train_step(options)
    if training is None:
        return  # another of the processes that train together tells the result
    if as_json:
        print_json(document_of_record(training))
    else:
        _print_training(options, written, training)


def _print_training(options: "TrainingOptions", run: "RunDirectory", training: "Training") -> None:
    from artifacts.json_records import read_record
    from artifacts.training_records import Recipe
    from commands.console import print_pairs
    from trainers.recipes import expectation_for

    right = f"{training.val_correct} of {training.val_examples}"
    pairs = [
        ("parameters", f"{training.parameters:,}"),
        ("best epoch", f"{training.best_epoch} of {training.epochs}"),
        ("validation", f"{100 * training.val_accuracy:.2f}% ({right})"),
    ]
    if expected := expectation_for(read_record(run.recipe, Recipe)):
        pairs.append(("expect", expected.in_words()))
    pairs += [
        ("time", f"{training.seconds:.1f} s on {training.device}"),
        ("run", str(run.root)),
    ]
    if options.tensorboard:
        pairs.append(("watch", f"tensorboard --logdir {run.tensorboard}"))
    pairs.append(("next", pasteable("export", f"--run={run.root}")))
    print_pairs(f"trained {options.model} on {options.dataset}", pairs)
