"""A training that begins with weights that were trained before."""

import logging
from pathlib import Path

from artifacts.files import sha256_of_file
from artifacts.training_records import InitialWeights, ModelSpec
from errors import ArtifactError
from models import NetworkName
from models.classifier import Classifier
from models.foreign_weights import head_names, load_foreign, read_weights

log = logging.getLogger("onnxproof")


def take_initial_weights(classifier: Classifier, model: ModelSpec, weights: InitialWeights) -> None:
    """Load the weights into the network; a last layer for other classes stays random.

    Raises:
        ArtifactError: the file is missing, damaged, not the one of the record, or does not fit.
    """
    path = Path(weights.file)
    if sha256_of_file(path) != weights.sha256:
        raise ArtifactError(str(path), "changed since the training was begun")
    name = NetworkName(name=model.name, file=model.file, file_sha256=model.file_sha256)
    fresh = load_foreign(
        read_weights(path),
        classifier.network,
        may_differ=head_names(name, model.in_channels, model.image_size, model.widths),
    )
    if fresh:
        log.info("%s is for other classes: %s begin at random", path.name, ", ".join(fresh))
