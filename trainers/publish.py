"""What a finished training leaves in its run directory."""

from dataclasses import dataclass

import torch

from artifacts.environment import current_environment
from artifacts.files import sha256_of_file
from artifacts.json_records import content_of_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Training
from models.cost import parameter_count
from models.weights import write_weights
from storage.writing import replacing_together
from trainers.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a training was computed; the fields of its record."""

    device: torch.device
    threads: int
    processes: int
    deterministic: bool
    compiled: bool
    streamed: bool


def publish(progress: Progress, run: RunDirectory, execution: Execution, command: str) -> Training:
    """Write history, recipe, best weights and the record of a finished training; return that.

    Raises:
        UnfinishedError: the disk is full; what was there before is whole.
    """
    assert progress.best is not None
    paths = (run.history, run.recipe, run.weights)
    with replacing_together(*paths, record=run.training) as directory:
        history, recipe_file, weights = (directory / path.name for path in paths)
        history.write_bytes(progress.history_jsonl().encode())
        recipe_file.write_bytes(content_of_record(progress.recipe))
        write_weights(weights, progress.best_weights)
        training = Training(
            recipe_sha256=sha256_of_file(recipe_file),
            checkpoint=run.weights.name,
            checkpoint_sha256=sha256_of_file(weights),
            checkpoint_bytes=weights.stat().st_size,
            history_sha256=sha256_of_file(history),
            parameters=parameter_count(progress.trainee.classifier),
            epochs=len(progress.history),
            best_epoch=progress.best_epoch,
            val_correct=progress.best.correct,
            val_examples=progress.best.examples,
            val_accuracy=progress.best.accuracy,
            seconds=sum(epoch.seconds for epoch in progress.history),
            device=str(execution.device),
            threads=execution.threads,
            processes=execution.processes,
            deterministic=execution.deterministic,
            compiled=execution.compiled,
            streamed=execution.streamed,
            environment=current_environment(),
            command=command,
        )
        (directory / run.training.name).write_bytes(content_of_record(training))
    return training
