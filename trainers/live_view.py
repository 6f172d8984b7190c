"""Scalars of a training for TensorBoard, while it goes on."""

from collections.abc import Callable
from pathlib import Path

from artifacts.training_records import Epoch
from errors import UsageError


class TensorBoard:
    """Writes each epoch's scalars as event files; told as a `trainers.train.Watcher` is.

    Args:
        directory: what `tensorboard --logdir` is given.

    Raises:
        UsageError: tensorboard is not installed.
    """

    def __init__(self, directory: Path) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise UsageError(
                "--tensorboard",
                "tensorboard is not installed",
                hint="python -m pip install tensorboard",
            ) from None
        # What an earlier training, or a lost end of this one, wrote from this epoch on is dropped.
        self._open: Callable[[int], SummaryWriter] = lambda epoch: SummaryWriter(
            str(directory), purge_step=epoch
        )
        self._writer: SummaryWriter | None = None

    def on_batch(self, done: int, total: int) -> None:
        """Do nothing: the scalars are an epoch's."""

    def on_epoch(self, epoch: Epoch, epochs: int) -> None:
        """Write the epoch's scalars to the disk."""
        if self._writer is None:
            self._writer = self._open(epoch.epoch)
        scalars = {
            "loss/train": epoch.train_loss,
            "loss/validation": epoch.val_loss,
            "accuracy/train": epoch.train_accuracy,
            "accuracy/validation": epoch.val_accuracy,
            "learning_rate": epoch.learning_rate,
            "images_per_second": epoch.images_per_second,
        }
        if epoch.test_loss is not None:
            scalars["loss/test"] = epoch.test_loss
        if epoch.test_accuracy is not None:
            scalars["accuracy/test"] = epoch.test_accuracy
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()

    def close(self) -> None:
        """End the event file."""
        if self._writer is not None:
            self._writer.close()
