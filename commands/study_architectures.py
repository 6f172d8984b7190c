"""`study architectures`: LeNet-5 and ResNets on the same images and budget; which to take when."""

import os
from pathlib import Path

import click

from commands.networks import models_option
from commands.options import (
    batch_sizes_option,
    data_dir_option,
    dataset_option,
    image_size_option,
    output_options,
    provider_option,
    seed_option,
    study_output_option,
    subset_option,
)
from errors import UsageError

EPOCHS = 4  # on the embedded digits all networks are done within ten minutes on two cores


@click.command("architectures")
@models_option("lenet5,resnet18,resnet34,resnet50")
@dataset_option("digits")
@data_dir_option
@image_size_option
@click.option(
    "--epochs",
    type=click.IntRange(1, 10**9),
    default=EPOCHS,
    show_default=True,
    help="Passes over the training examples, the same for every network.",
)
@subset_option
@seed_option()
@provider_option()
@batch_sizes_option
@study_output_option("runs/study-architectures")
@output_options
def command(
    models: tuple[str, ...],
    dataset: str,
    data_dir: Path | None,
    image_size: tuple[int, int] | None,
    epochs: int,
    subset: float,
    seed: int,
    provider: str,
    batch_sizes: tuple[int, ...] | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Train, export and evaluate networks on the same images; say which one to take when.

    Each network sees as many images, trained by its own recipe. What the same study has trained
    before is not trained again. Ends with exit code 1 where a network's verdict is fail.

    \b
    Examples: python cli.py study architectures
              python cli.py study architectures --dataset mnist --subset 0.1 --epochs 2
    """
    from artifacts.json_records import document_of_record
    from commands.architecture_steps import ArchitectureOptions, architectures_step
    from commands.console import log, print_json, show_log
    from commands.report_steps import report_step
    from commands.study_places import study_for

    show_log()
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("study architectures", "runs in one process")
    study = study_for("architectures", output)
    found = architectures_step(
        study,
        ArchitectureOptions(
            models=models,
            dataset=dataset,
            data_dir=data_dir,
            image_size=image_size,
            epochs=epochs,
            subset=subset,
            seed=seed,
            provider=provider,
            batch_sizes=batch_sizes,
        ),
    )
    page = report_step(studies=[study]).page
    if as_json:
        print_json(document_of_record(found))
    else:
        from commands.architecture_table import print_architectures

        print_architectures(found)
        log.info("report: %s", page)
    return 0 if all(network.passed for network in found.networks) else 1
