"""A training from start to record: what `train` does once the options are read."""

import contextlib
import logging
import time
from typing import Protocol

import torch

from artifacts.environment import current_environment, usable_cpus
from artifacts.files import replacing, sha256_of_file, write_bytes
from artifacts.json_records import write_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Epoch, Recipe, Training
from data import Dataset
from models.classifier import parameter_count
from models.devices import device_from_name
from trainers.checkpoints import save_resume_state, write_weights
from trainers.loop import Examples, epoch_generator, examples_on_device, train_epoch, validate
from trainers.progress import Progress, resumed_progress, started_progress
from trainers.splits import TrainingIndices

log = logging.getLogger("onnxproof")


class Watcher(Protocol):
    """What is told how a training goes on."""

    def on_batch(self, done: int, total: int) -> None:
        """A batch of the current epoch was trained on."""

    def on_epoch(self, epoch: Epoch, epochs: int) -> None:
        """An epoch was finished and saved."""


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
    if resume:
        progress = resumed_progress(recipe, device, run.resume)
        log.info("going on after epoch %d", len(progress.history))
    else:
        progress = started_progress(recipe, device)
        if run.resume.is_file() and not run.training.is_file():
            log.info("an unfinished training in %s is started anew; --resume goes on", run.root)
    is_new = not run.training.is_file()
    if is_new:  # nothing that was finished can be damaged: let the user watch the files
        write_record(run.recipe, recipe)
    for number in range(len(progress.history) + 1, recipe.hyperparameters.epochs + 1):
        epoch = _one_epoch(number, progress, training, validation, recipe, watcher)
        save_resume_state(run.resume, progress.resume_state(recipe))
        if is_new:
            write_bytes(run.history, progress.history_jsonl().encode())
        watcher.on_epoch(epoch, recipe.hyperparameters.epochs)
    return _publish(progress, recipe, run, device, command)


def _one_epoch(
    number: int,
    progress: Progress,
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
    progress.keep_if_best(validated, number)
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


def _publish(
    progress: Progress, recipe: Recipe, run: RunDirectory, device: torch.device, command: str
) -> Training:
    assert progress.best is not None
    with contextlib.ExitStack() as stack:
        # Left in reverse: the record takes its place last. Everything is written before the old
        # record goes, so that a full disk leaves the old training whole.
        record, weights, recipe_file, history = (
            stack.enter_context(replacing(path))
            for path in (run.training, run.weights, run.recipe, run.history)
        )
        history.write_bytes(progress.history_jsonl().encode())
        recipe_file.write_bytes(recipe.to_json().encode())
        write_weights(weights, progress.best_weights)
        training = Training(
            recipe_sha256=sha256_of_file(recipe_file),
            checkpoint=run.weights.name,
            checkpoint_sha256=sha256_of_file(weights),
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
        record.write_bytes(training.to_json().encode())
        run.training.unlink(missing_ok=True)
    return training
