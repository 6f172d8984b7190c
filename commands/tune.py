"""`tune`: searches for the settings that validate best."""

from pathlib import Path

import click

from artifacts.choices import MOST_TRIALS, PRUNERS, RECIPES, SAMPLERS, Pruner, RecipeName, Sampler
from commands.completion_values import searches
from commands.networks import model_option
from commands.options import (
    FiniteRange,
    data_dir_option,
    dataset_option,
    device_option,
    image_size_option,
    output_options,
    seed_option,
    subset_option,
    val_split_option,
)


@click.command("tune")
@model_option("mlp")
@dataset_option("digits")
@data_dir_option
@image_size_option
@click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    default="best",
    show_default=True,
    help="The defaults: settings that trials replace, and that they are held against.",
)
@click.option(
    "--space",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="What to try otherwise than by default: a table [lr], [batch_size], [widths], [dropout],"
    " [weight_decay], [augmentation] or [optimizer], with low and high (log, grid), choices, or"
    " fixed.",
)
@click.option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    default="tpe",
    show_default=True,
    help="Who proposes: the points of a grid in random order, chance, or a model of what was good"
    " so far (tree-structured Parzen estimator).",
)
@click.option(
    "--pruner",
    type=click.Choice(PRUNERS),
    default="median",
    show_default=True,
    help="Who ends a trial early: when it is worse than the median at its epoch, or not in the"
    " best third (successive halving).",
)
@click.option(
    "--trials",
    type=click.IntRange(1, MOST_TRIALS),
    default=30,
    show_default=True,
    help="How many, of all workers together; those that are there already count.",
)
@click.option(
    "--timeout",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    help="After which no trial is begun.",
)
@click.option("--epochs", type=click.IntRange(1, 10**9), help="Of each trial.")
@val_split_option
@subset_option
@seed_option("Of the proposals and of every training.")
@click.option(
    "--study",
    metavar="NAME|DIR",
    shell_complete=searches,
    help="Directory in ./runs, or a path; one that is there goes on.  [default:"
    " tune-DATASET-MODEL]",
)
@click.option(
    "--storage",
    metavar="FILE|URL",
    help="Where the workers of a study meet: a journal file, sqlite:///FILE, or a database"
    " server's URL.  [default: journal.log in the study's directory]",
)
@device_option("Where to train.")
@click.option(
    "--threads",
    type=click.IntRange(1, 4096),
    help="Of this worker.  [default: as many as the network's size is worth]",
)
@output_options
def command(
    model: str,
    dataset: str,
    data_dir: Path | None,
    image_size: tuple[int, int] | None,
    recipe: RecipeName,
    space: Path | None,
    sampler: Sampler,
    pruner: Pruner,
    trials: int,
    timeout: float | None,
    epochs: int | None,
    val_split: float | None,
    subset: float,
    seed: int,
    study: str | None,
    storage: str | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Search for the settings with the best validation accuracy.

    The recipe's own settings are tried first where the space holds them, so that a search does not
    end worse than they are; TPE then begins with settings that differ from them in one. The test
    split is never opened. Start the same command again to go on
    with a search, or several times at once to share it.

    \b
    Examples: python cli.py tune
              python cli.py tune --model mlp --dataset mnist --subset 0.1667
              python cli.py tune --sampler random --study random-digits --trials 60
    """
    from artifacts.json_records import document_of_record
    from commands.console import print_json, show_log
    from commands.tuning_steps import TuningOptions, tune_step
    from commands.tuning_table import print_search

    show_log()
    options = TuningOptions(
        model=model,
        dataset=dataset,
        data_dir=data_dir,
        image_size=image_size,
        recipe=recipe,
        space=space,
        sampler=sampler,
        pruner=pruner,
        trials=trials,
        timeout=timeout,
        epochs=epochs,
        val_split=val_split,
        subset=subset,
        seed=seed,
        study=study,
        storage=storage,
        device=device,
        threads=threads,
    )
    directory, record = tune_step(options)
    if as_json:
        print_json(document_of_record(record))
    else:
        print_search(record, directory)
