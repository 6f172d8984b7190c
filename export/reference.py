"""PyTorch's own logits over the whole test split: what every variant is proved against."""

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from artifacts.chain import TrainedNetwork, require_hash
from artifacts.export_records import Export, Reference
from artifacts.json_records import read_record
from artifacts.logits import Images, ReferenceLogits, save_reference
from data import Dataset
from data.images_at_once import images_at_once
from errors import ArtifactError
from models.inference import logits_function
from untrusted.files import is_there

# Of images of up to 64x64 pixels; an activation of ResNet-101 in float64 takes 0.5 GB with it.
BATCH_SIZE = 64
OnBatch = Callable[[int, int], None]  # examples done, examples in all

log = logging.getLogger("onnxproof")


def reference_logits(
    trained: TrainedNetwork,
    dataset: Dataset,
    network: nn.Module,
    device: torch.device,
    on_batch: OnBatch,
) -> ReferenceLogits:
    """Return the network's logits of every test image, in float32 and then in float64.

    The network itself stays on its device and in its dtype. `on_batch` counts both passes.
    """
    images = dataset.test.images
    total = 2 * len(images)

    def logits(dtype: torch.dtype, passed: int) -> NDArray[Any]:
        function = logits_function(copy.deepcopy(network), device, dtype)
        return _logits_over(images, function, lambda done: on_batch(passed + done, total))

    return ReferenceLogits(
        float32_NK=logits(torch.float32, 0),
        float64_NK=logits(torch.float64, len(images)),
        dataset_sha256=dataset.sha256,
        split_sha256=dataset.test.sha256,
        checkpoint_sha256=trained.checkpoint_sha256,
    )


def reference_bytes(trained: TrainedNetwork, dataset: Dataset) -> int:
    """Return how many bytes the logits take on the disk, before they are computed."""
    both = np.dtype(np.float32).itemsize + np.dtype(np.float64).itemsize
    return len(dataset.test) * trained.model.num_classes * both


def export_that_still_holds(trained: TrainedNetwork, dataset: Dataset) -> Export | None:
    """Return the run's earlier export, if it is of the same weights and data and is not damaged."""
    run = trained.run
    if not is_there(run.export):
        return None
    try:
        earlier = read_record(run.export, Export)
        reference = earlier.reference
        if (reference.checkpoint_sha256, reference.dataset_sha256) != (
            trained.checkpoint_sha256,
            dataset.sha256,
        ):
            return None
        require_hash(run.reference, reference.sha256, record=run.export, size_bytes=reference.bytes)
    except ArtifactError as error:
        log.warning("the earlier export is not used: %s", error)
        return None
    return earlier


def saved_reference(path: Path, logits: ReferenceLogits, device: torch.device) -> Reference:
    """Write the file of the reference and return its record.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    return Reference(
        file=path.name,
        sha256=save_reference(path, logits),
        bytes=path.stat().st_size,
        checkpoint_sha256=logits.checkpoint_sha256,
        dataset_sha256=logits.dataset_sha256,
        split="test",
        split_sha256=logits.split_sha256,
        examples=len(logits.float32_NK),
        device=str(device),
        tf32=False,
    )


def _logits_over(
    images: Images,
    function: Callable[[Images], NDArray[Any]],
    on_batch: Callable[[int], None],
) -> NDArray[Any]:
    parts = []
    size = images_at_once(BATCH_SIZE, images.shape[2:])
    for start in range(0, len(images), size):
        parts.append(function(images[start : start + size]))
        on_batch(min(start + size, len(images)))
    return np.concatenate(parts)
