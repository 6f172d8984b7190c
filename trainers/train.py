"""A training from start to record: what `train` does once the options are read."""

import logging
import time
from dataclasses import dataclass
from typing import Protocol

import torch

from artifacts.environment import current_environment, usable_cpus
from artifacts.files import sha256_of_file, write_bytes
from artifacts.json_records import write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Epoch, Recipe, Training
from data import Dataset
from errors import UsageError
from models import build
from models.classifier import Classifier, parameter_count
from models.devices import device_from_name
from trainers.checkpoints import (
    ResumeState,
    copied_weights,
    load_resume_state,
    save_resume_state,
    save_weights,
)
from trainers.loop import (
    Examples,
    PassResult,
    batch_count,
    epoch_generator,
    examples_on_device,
    optimizer_for,
    scheduler_for,
    train_epoch,
    validate,
)
from trainers.splits import TrainingIndices

log = logging.getLogger("onnxproof")

_NESTED = ("dataset", "model", "hyperparameters")


class Watcher(Protocol):
    """What is told how a training goes on."""

    def on_batch(self, done: int, total: int) -> None:
        """A batch of the current epoch was trained on."""

    def on_epoch(self, epoch: Epoch, epochs: int) -> None:
        """An epoch was finished and saved."""


@dataclass(kw_only=True)
class _Progress:
    """What changes from epoch to epoch; `ResumeState` is its form on disk."""

    network: Classifier
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: list[Epoch]
    best_epoch: int
    best: PassResult | None
    best_weights: dict[str, torch.Tensor]


def train(
    recipe: Recipe,
    dataset: Dataset,
    indices: TrainingIndices,
    *,
    run: RunDirectory,
    device_name: str,
    resume: bool,
    watcher: Watcher,
    command: str,
) -> Training:
    """Train the recipe's network and write its run directory; return the record.

    While it trains, `resume.pt` holds everything finished so far. A finished training that is
    there already stays whole until this one is finished too.

    Raises:
        UnusableError: the device does not work here.
        ArtifactError: there is nothing to resume, or what is there is damaged.
        UsageError: what is there to resume was begun by another recipe.
        UnfinishedError: the disk is full, or the loss is no longer finite.
    """
    device = device_from_name(device_name)
    torch.set_num_threads(usable_cpus())
    train_split = dataset.train
    training = examples_on_device(train_split.images, train_split.labels, indices.train, device)
    validation = examples_on_device(
        train_split.images, train_split.labels, indices.validation, device
    )
    progress = _started(recipe, device)
    if resume:
        _restore(progress, load_resume_state(run.resume), recipe, run)
    elif run.resume.is_file() and not run.training.is_file():
        log.info("an unfinished training in %s is started anew; --resume goes on", run.root)
    is_new = not run.training.is_file()
    if is_new:  # nothing that was finished can be damaged: let the user watch the files
        write_record(run.recipe, recipe)
    for number in range(len(progress.history) + 1, recipe.hyperparameters.epochs + 1):
        epoch = _one_epoch(number, progress, training, validation, recipe, watcher)
        save_resume_state(run.resume, _resume_state(progress, recipe))
        if is_new:
            write_bytes(run.history, _history_jsonl(progress.history).encode())
        watcher.on_epoch(epoch, recipe.hyperparameters.epochs)
    return _publish(progress, recipe, run, device, command)


def _started(recipe: Recipe, device: torch.device) -> _Progress:
    torch.manual_seed(recipe.seed)
    network = build(
        recipe.model.name,
        num_classes=recipe.model.num_classes,
        in_channels=recipe.model.in_channels,
        image_size=recipe.model.image_size,
        mean=recipe.mean,
        std=recipe.std,
    )
    # Convolutions are faster with the channels innermost; other layers do not notice.
    network = network.to(device).to(memory_format=torch.channels_last)
    settings = recipe.hyperparameters
    optimizer = optimizer_for(network, settings)
    steps = settings.epochs * batch_count(recipe.train_examples, settings.batch_size)
    return _Progress(
        network=network,
        optimizer=optimizer,
        scheduler=scheduler_for(optimizer, settings, steps),
        history=[],
        best_epoch=0,
        best=None,
        best_weights={},
    )


def _one_epoch(
    number: int,
    progress: _Progress,
    training: Examples,
    validation: Examples,
    recipe: Recipe,
    watcher: Watcher,
) -> Epoch:
    learning_rate = progress.optimizer.param_groups[0]["lr"]
    start = time.perf_counter()
    trained = train_epoch(
        progress.network,
        training,
        settings=recipe.hyperparameters,
        optimizer=progress.optimizer,
        scheduler=progress.scheduler,
        order=epoch_generator(recipe.seed, number),
        on_batch=watcher.on_batch,
    )
    train_seconds = time.perf_counter() - start
    validated = validate(progress.network, validation, recipe.hyperparameters)
    # Small validation splits tie often: the lower loss decides then.
    if progress.best is None or (validated.correct, -validated.loss_sum) > (
        progress.best.correct,
        -progress.best.loss_sum,
    ):
        progress.best, progress.best_epoch = validated, number
        progress.best_weights = copied_weights(progress.network)
    epoch = Epoch(
        epoch=number,
        learning_rate=learning_rate,
        train_loss=trained.loss,
        train_accuracy=trained.accuracy,
        val_loss=validated.loss,
        val_accuracy=validated.accuracy,
        seconds=time.perf_counter() - start,
        images_per_second=trained.examples / train_seconds,
    )
    progress.history.append(epoch)
    return epoch


def _resume_state(progress: _Progress, recipe: Recipe) -> ResumeState:
    assert progress.best is not None  # an epoch has been validated
    return ResumeState(
        recipe_json=recipe.to_json(),
        history_jsonl=_history_jsonl(progress.history),
        epoch=len(progress.history),
        best_epoch=progress.best_epoch,
        best_correct=progress.best.correct,
        best_loss=progress.best.loss_sum,
        best_weights=progress.best_weights,
        weights=copied_weights(progress.network),
        optimizer=progress.optimizer.state_dict(),
        scheduler=progress.scheduler.state_dict(),
    )


def _restore(progress: _Progress, state: ResumeState, recipe: Recipe, run: RunDirectory) -> None:
    differences = _differences(Recipe.model_validate_json(state.recipe_json), recipe)
    if differences:
        raise UsageError(
            "--resume",
            f"{run.resume} was begun with {'; '.join(differences)}",
            hint="give the options it was begun with, or start again without --resume",
        )
    progress.network.load_state_dict(state.weights)
    progress.optimizer.load_state_dict(state.optimizer)
    progress.scheduler.load_state_dict(state.scheduler)
    progress.history = [Epoch.model_validate_json(x) for x in state.history_jsonl.splitlines()]
    progress.best_epoch, progress.best_weights = state.best_epoch, state.best_weights
    progress.best = PassResult(
        loss_sum=state.best_loss, correct=state.best_correct, examples=recipe.val_examples
    )
    log.info("going on after epoch %d of %d", state.epoch, recipe.hyperparameters.epochs)


def _differences(begun: Recipe, wanted: Recipe) -> list[str]:
    """Return what decides a training and differs; where the dataset lies does not decide it."""
    pairs = {
        "dataset": (begun.dataset.sha256, wanted.dataset.sha256),
        **{key: (getattr(begun, key), value) for key, value in wanted if key not in _NESTED},
        **{key: (getattr(begun.model, key), value) for key, value in wanted.model},
        **{
            key: (getattr(begun.hyperparameters, key), value)
            for key, value in wanted.hyperparameters
        },
    }
    return [f"{key} {old}, not {new}" for key, (old, new) in pairs.items() if old != new]


def _publish(
    progress: _Progress, recipe: Recipe, run: RunDirectory, device: torch.device, command: str
) -> Training:
    assert progress.best is not None
    # A record on disk means that its files are whole: the old one goes first, the new comes last.
    run.training.unlink(missing_ok=True)
    write_bytes(run.history, _history_jsonl(progress.history).encode())
    recipe_sha256 = write_record(run.recipe, recipe)
    save_weights(run.weights, progress.best_weights)
    training = Training(
        recipe_sha256=recipe_sha256,
        checkpoint=run.weights.name,
        checkpoint_sha256=sha256_of_file(run.weights),
        parameters=parameter_count(progress.network),
        epochs=len(progress.history),
        best_epoch=progress.best_epoch,
        val_correct=progress.best.correct,
        val_examples=progress.best.examples,
        val_accuracy=progress.best.accuracy,
        seconds=sum(epoch.seconds for epoch in progress.history),
        device=str(device),
        threads=torch.get_num_threads(),
        environment=current_environment(),
        command=command,
    )
    write_record(run.training, training)
    return training


def _history_jsonl(history: list[Epoch]) -> str:
    return "".join(f"{epoch.model_dump_json()}\n" for epoch in history)
