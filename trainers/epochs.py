"""What a training looks at, and one epoch of it: trained, validated, noted in its history."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from artifacts.training_records import Epoch
from data import Dataset, Split
from data.splits import TrainingIndices
from trainers.examples import Examples, examples_from_split
from trainers.loop import measured, train_epoch, validate
from trainers.position import result_of_epoch
from trainers.progress import Progress


@dataclass(frozen=True, kw_only=True)
class TrainingExamples:
    """What a training looks at; `test` is None where its history is to do without."""

    train: Examples
    validation: Examples
    test: Examples | None


def training_examples(
    dataset: Dataset,
    indices: TrainingIndices,
    device: torch.device,
    *,
    memory_bytes: int | None,
    with_test: bool,
) -> TrainingExamples:
    """Return the examples on the device, or read ahead from the disk where they do not fit.

    Args:
        dataset: whose test split is opened only with `with_test`.
        indices: which of its training split train, and which validate.
        device: that computes.
        memory_bytes: for each part; by default half of what is free.
        with_test: measure the test split after each epoch too, for the history alone.
    """

    def chosen(split: Split, rows: NDArray[np.int64]) -> Examples:
        return examples_from_split(
            split.images, split.labels, rows, device, memory_bytes=memory_bytes
        )

    return TrainingExamples(
        train=chosen(dataset.train, indices.train),
        validation=chosen(dataset.train, indices.validation),
        test=chosen(dataset.test, np.arange(len(dataset.test))) if with_test else None,
    )


def one_epoch(
    progress: Progress, examples: TrainingExamples, *, after_batch: Callable[[float], None]
) -> Epoch:
    """Train to the end of the epoch, validate, and add it to the history; return it.

    Args:
        progress: the training; it may begin within the epoch.
        examples: that it looks at.
        after_batch: called after each step with the seconds that the epoch has taken so far; the
            epoch ends there if it raises.

    Raises:
        UnfinishedError: the loss is no longer a finite number.
    """
    recipe, processes, position = progress.recipe, progress.processes, progress.position
    settings = recipe.hyperparameters
    start = time.perf_counter() - position.seconds
    train_epoch(
        progress.trainee,
        examples.train,
        position,
        settings=settings,
        seed=recipe.seed,
        processes=processes,
        after_batch=lambda: after_batch(time.perf_counter() - start),
    )
    trained = result_of_epoch(position, len(examples.train), processes)
    train_seconds = time.perf_counter() - start
    network = progress.validated_network()
    validated = validate(network, examples.validation, settings, processes)
    seconds = time.perf_counter() - start
    tested = measured(network, examples.test, settings, processes) if examples.test else None
    epoch = Epoch(
        epoch=position.epoch,
        learning_rate=progress.trainee.optimizer.param_groups[0]["lr"],
        train_loss=trained.loss,
        train_accuracy=trained.accuracy,
        val_loss=validated.loss,
        val_accuracy=validated.accuracy,
        test_loss=tested.loss if tested and math.isfinite(tested.loss) else None,
        test_accuracy=tested.accuracy if tested else None,
        seconds=seconds,
        images_per_second=trained.examples / train_seconds,
    )
    progress.end_epoch(epoch, validated)
    return epoch
