"""One epoch of training, and a pass over examples that it does not train on."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from artifacts.training_records import Hyperparameters
from data.images_at_once import images_at_once
from errors import UnfinishedError
from models.classifier import Classifier
from trainers.augmentation import augmented, draw
from trainers.batches import (
    Chunk,
    batch_sizes,
    epoch_chunks,
    generator_for,
    own_positions,
    part_of,
)
from trainers.examples import Batch, Examples
from trainers.losses import loss_sum, mean_loss
from trainers.optimization import learning_rate
from trainers.position import PassResult, Position, correct_count
from trainers.processes import Processes

VALIDATION_BATCH_SIZE, LEAST_VALIDATION_BATCH_SIZE = 512, 32  # of small images, and of large ones


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A network and what changes it.

    Attributes:
        classifier: holds the weights.
        forward: its network as it is trained: itself, compiled, or in several processes.
        optimizer: over the weights.
        average: of the weights, if one is wanted.
    """

    classifier: Classifier
    forward: Callable[[Tensor], Tensor]
    optimizer: Optimizer
    average: AveragedModel | None


def train_epoch(
    trainee: Trainee,
    examples: Examples,
    position: Position,
    *,
    settings: Hyperparameters,
    seed: int,
    processes: Processes,
    after_batch: Callable[[], None],
) -> None:
    """Take the epoch's steps from the position on, and move it.

    Args:
        trainee: what is trained.
        examples: on which.
        position: how far the epoch has come.
        settings: of the training.
        seed: of the training.
        processes: that share each batch; a sum of gradients over all of them is one step.
        after_batch: called after each step; the epoch ends there if it raises.
    """
    trainee.classifier.train()
    batches = batch_sizes(len(examples), settings.batch_size)
    before = (position.epoch - 1) * len(batches)
    steps = settings.epochs * len(batches)
    for prepared in _prepared_chunks(trainee, examples, position, settings, seed, processes):
        for size, batch in prepared:
            rate = learning_rate(settings, before + position.batches, steps)
            for group in trainee.optimizer.param_groups:
                group["lr"] = rate
            _take_step(
                trainee, batch, position, settings, batch.labels_N.shape[0] * processes.count / size
            )
            after_batch()
        position.settle()


def validate(
    classifier: Classifier, examples: Examples, settings: Hyperparameters, processes: Processes
) -> PassResult:
    """Return loss and accuracy over all the examples.

    Raises:
        UnfinishedError: the loss is not a finite number.
    """
    result = measured(classifier, examples, settings, processes)
    if not math.isfinite(result.loss_sum):
        raise UnfinishedError(
            "training",
            f"the validation loss became {result.loss_sum}",
            hint="try a smaller --lr",
        )
    return result


@torch.inference_mode()
def measured(
    classifier: Classifier, examples: Examples, settings: Hyperparameters, processes: Processes
) -> PassResult:
    """Return loss and accuracy over all the examples, each counted by one process."""
    classifier.eval()
    own = part_of(len(examples), processes.rank, processes.count)
    total_loss = torch.zeros((), dtype=torch.float64, device=examples.device)
    correct = torch.zeros((), dtype=torch.int64, device=examples.device)
    size = images_at_once(
        VALIDATION_BATCH_SIZE, examples.image_size, least=LEAST_VALIDATION_BATCH_SIZE
    )
    for batch in examples.batches(torch.split(torch.arange(own.start, own.stop), size)):
        with autocast(examples.device, settings):
            logits_NK = classifier(batch.images_NCHW).float()
        total_loss += loss_sum(settings.loss, logits_NK, batch.labels_N)
        correct += correct_count(logits_NK, batch.labels_N)
    return PassResult(
        loss_sum=processes.added(total_loss).item(),
        correct=int(processes.added(correct)),
        examples=len(examples),
    )


def autocast(
    device: torch.device, settings: Hyperparameters
) -> contextlib.AbstractContextManager[object]:
    """Return what lets torch compute in the settings' precision; the weights stay float32."""
    if settings.precision == "float32":
        return contextlib.nullcontext()  # torch's own, switched off, takes 3% of an MLP's step
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _take_step(
    trainee: Trainee, batch: Batch, position: Position, settings: Hyperparameters, weight: float
) -> None:
    """Take one optimizer step; `weight` is this process' share of the batch, 1 on average."""
    with autocast(batch.labels_N.device, settings):
        logits_NK = trainee.forward(batch.images_NCHW)
        if not isinstance(logits_NK, Tensor):  # the trial before it was in evaluation mode
            raise UnfinishedError(
                "training",
                f"the network returns a {type(logits_NK).__name__} while it trains",
                hint="return the logits alone in training mode too",
            )
        loss = mean_loss(
            settings.loss, logits_NK, batch.labels_N, label_smoothing=settings.label_smoothing
        )
    for group in trainee.optimizer.param_groups:  # what zero_grad does, in a fourth of its time
        for parameter in group["params"]:
            parameter.grad = None
    # Processes' gradients are averaged as if their parts of the batch were equally large.
    weighted = loss if weight == 1 else loss * weight
    weighted.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
    trainee.optimizer.step()
    if trainee.average is not None:
        trainee.average.update_parameters(trainee.classifier)
    position.add(loss, logits_NK, batch.labels_N)


def _prepared_chunks(
    trainee: Trainee,
    examples: Examples,
    position: Position,
    settings: Hyperparameters,
    seed: int,
    processes: Processes,
) -> Iterator[list[tuple[int, Batch]]]:
    """Yield what is left of an epoch, chunk by chunk, the images normalized and changed at random.

    Of each batch: how many examples it has in all, and this process' part of them.
    """
    chunks = [
        chunk
        for chunk in epoch_chunks(
            len(examples), settings.batch_size, seed=seed, epoch=position.epoch
        )
        if chunk.first_batch + len(chunk.sizes) > position.batches
    ]
    parts = [own_positions(chunk.sizes, processes.rank, processes.count) for chunk in chunks]
    found = examples.batches(chunk.rows[own] for chunk, (own, _) in zip(chunks, parts, strict=True))
    first = position.batches
    for chunk, (own, sizes), raw in zip(chunks, parts, found, strict=True):
        images = _changed(trainee, raw.images_NCHW, chunk, own, position, settings, seed)
        per_batch = zip(
            chunk.sizes,
            torch.split(images, sizes),
            torch.split(raw.labels_N, sizes),
            strict=True,
        )
        yield [
            (size, Batch(images_NCHW=images_NCHW, labels_N=labels_N))
            for number, (size, images_NCHW, labels_N) in enumerate(per_batch, chunk.first_batch)
            if number >= first  # a resumed epoch may begin within a chunk
        ]


def _changed(
    trainee: Trainee,
    images_NCHW: Tensor,
    chunk: Chunk,
    own: Tensor,
    position: Position,
    settings: Hyperparameters,
    seed: int,
) -> Tensor:
    height, width = images_NCHW.shape[-2:]
    # Drawn for the whole chunk, so that it does not depend on how many processes share it.
    random = generator_for(seed, position.epoch, chunk.number)
    with torch.no_grad():
        normalized = trainee.classifier.normalized(images_NCHW)
        if not settings.augmentation.changes:
            return normalized
        draws = draw(settings.augmentation, len(chunk.rows), (height, width), random).of(own)
        return augmented(normalized, draws, settings.augmentation)
