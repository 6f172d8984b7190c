"""Networks to compare tools on: trained briefly and exported by this project's own commands.

What an export, a pass or a call takes does not depend on how well the network was trained; a run
that is made on the spot is there on every machine, and is of the commit that is measured.
"""

from pathlib import Path

import torch

from artifacts.chain import trained_network
from artifacts.run_directory import RunDirectory
from benchmarks.detection.materials import trained_classifier, write_npz
from benchmarks.own_commands import done, onnxproof
from data import Dataset
from export.quiet import quiet

FLOAT_INPUT = "pixel_values"  # what transformers' image classifiers call it
TRACED_BATCH_SIZE = 2  # not 1, which the exporter would take for a constant


def write_fewer(path: Path, dataset: Dataset, *, train: int, test: int) -> None:
    """Write the first images of a dataset's splits as an .npz that `--dataset` takes."""
    few = dataset.train.images[:train], dataset.train.labels[:train]
    write_npz(path, *few, dataset.test.images[:test], dataset.test.labels[:test])


def trained_run(folder: Path, model: str, dataset: str, *options: str) -> RunDirectory:
    """Return the run of a network that was trained for an epoch.

    Args:
        folder: where the run lies, under the network's name.
        model: the network's name.
        dataset: what `--dataset` takes.
        options: of `train`, further ones.

    Raises:
        click.ClickException: the command did not do it.
    """
    run = RunDirectory(folder / model)
    what = ("--model", model, "--dataset", dataset, "--epochs", "1", "--device", "cpu")
    done(onnxproof("train", "--run", str(run.root), *what, *options, folder=folder))
    return run


def exported_run(folder: Path, model: str, dataset: str) -> RunDirectory:
    """Return the same run, exported.

    Raises:
        click.ClickException: a command did not do it.
    """
    run = trained_run(folder, model, dataset)
    done(onnxproof("export", "--run", str(run.root), folder=folder))
    return run


def write_float_graph(run: RunDirectory, path: Path) -> None:
    """Write a run's network without its preprocessing, for tools that feed floats.

    Input `pixel_values` is float32 [batch, C, H, W], normalized by the caller; output is `logits`.
    """
    trained = trained_network(run)
    height, width = trained.model.image_size
    images = torch.zeros(TRACED_BATCH_SIZE, trained.model.in_channels, height, width)
    with quiet():
        torch.onnx.export(
            trained_classifier(trained).network,
            (images,),
            path,
            dynamo=True,
            input_names=[FLOAT_INPUT],
            output_names=["logits"],
            dynamic_shapes=({0: "batch"},),
            external_data=False,
        )
