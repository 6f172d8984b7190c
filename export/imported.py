"""A network that was trained elsewhere becomes a run, from which it is exported like any other."""

import logging
from pathlib import Path

from artifacts.chain import TrainedNetwork, trained_network
from artifacts.environment import current_environment
from artifacts.files import sha256_of_file
from artifacts.json_records import content_of_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import (
    DatasetSpec,
    Imported,
    InitialWeights,
    ModelSpec,
    Normalization,
)
from data import Dataset
from errors import UsageError
from models import NetworkName, build
from models.classifier import Classifier
from models.cost import parameter_count
from models.foreign_weights import (
    ForeignWeights,
    class_count,
    hidden_widths,
    load_foreign,
    read_weights,
)
from models.trial import require_logits
from models.weights import copied_weights, write_weights
from storage.writing import replacing_together

log = logging.getLogger("onnxproof")
# What torchvision's ToTensor makes of pixels, and nothing more.
FROM_ZERO_TO_ONE = Normalization(mean=(0.0,), std=(255.0,))


def imported_network(
    run: RunDirectory,
    network: NetworkName,
    weights: InitialWeights,
    dataset: Dataset,
    *,
    spec: DatasetSpec,
    normalization: Normalization | None,
    classes: tuple[str, ...] | None,
    command: str,
) -> TrainedNetwork:
    """Write the network's weights and their record into the run; return what is there then.

    Args:
        run: must not hold a training.
        network: which one the weights are of.
        weights: their file.
        dataset: what the network is to be proved on.
        spec: the same, for the record.
        normalization: that the weights want; None: pixels from 0 to 1.
        classes: names of the logits; None: those of the dataset, else numbers.
        command: for the record.

    Raises:
        UsageError: the run holds a training; the network does not take such images, or is for
            another number of classes.
        ArtifactError: the weights are damaged, or of another network.
        UnfinishedError: the disk is full.
    """
    if run.training.is_file():
        raise UsageError(
            "--run",
            f"{run.root} holds a network that was trained here",
            hint="name another directory with --run, or export without --checkpoint",
        )
    found = read_weights(Path(weights.file))
    model = _model_spec(network, found, dataset)
    names = _class_names(classes, dataset, model.num_classes)
    normalization = normalization or _from_zero_to_one(found.path)
    classifier = _loaded(model, found, normalization)
    with replacing_together(run.weights, record=run.imported) as directory:
        written = directory / run.weights.name
        write_weights(written, copied_weights(classifier))
        record = Imported(
            model=model,
            classes=names,
            dataset=spec,
            normalization=normalization,
            source=weights,
            checkpoint=run.weights.name,
            checkpoint_sha256=sha256_of_file(written),
            checkpoint_bytes=written.stat().st_size,
            parameters=parameter_count(classifier),
            environment=current_environment(),
            command=command,
        )
        (directory / run.imported.name).write_bytes(content_of_record(record))
    return trained_network(run)


def _model_spec(network: NetworkName, found: ForeignWeights, dataset: Dataset) -> ModelSpec:
    channels, height, width = dataset.image_shape
    size = height, width
    widths = hidden_widths(found, network, channels, size)
    return ModelSpec(
        name=network.name,
        num_classes=class_count(found, network, channels, size, widths),
        in_channels=channels,
        image_size=size,
        file=network.file,
        file_sha256=network.file_sha256,
        widths=widths,
    )


def _loaded(model: ModelSpec, found: ForeignWeights, normalization: Normalization) -> Classifier:
    classifier = build(**model.model_dump(), mean=normalization.mean, std=normalization.std)
    load_foreign(found, classifier.network)
    require_logits(
        classifier,
        model.name,
        num_classes=model.num_classes,
        in_channels=model.in_channels,
        image_size=model.image_size,
    )
    return classifier


def _from_zero_to_one(path: Path) -> Normalization:
    log.warning(
        "%s does not say how pixels are scaled: taken as 0 to 1; --mean and --std say otherwise",
        path.name,
    )
    return FROM_ZERO_TO_ONE


def _class_names(classes: tuple[str, ...] | None, dataset: Dataset, count: int) -> tuple[str, ...]:
    if dataset.labelled:
        if len(dataset.classes) != count:
            raise UsageError(
                "--dataset",
                f"{dataset.name} has {len(dataset.classes)} classes, the network {count}",
                hint="a folder of images without labels proves parity for any number of classes",
            )
        return dataset.classes
    if classes is not None and len(classes) == count:
        return classes
    return tuple(str(number) for number in range(count))
