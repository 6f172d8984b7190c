"""PyTorch Lightning's `Trainer.fit`, in an environment that has it; a process of its own.

    python -m benchmarks.training.lightning_fit FOLDER

A LightningModule and a Trainer as its documentation writes them, over a DataLoader of tensors that
were normalized beforehand. Whatever takes time and can be left out is: no logger, no checkpoints,
no progress bar, nothing logged by the step.
"""

import sys
from pathlib import Path

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.answering import Conversation
from benchmarks.training.material import Material
from benchmarks.training.torch_network import correct_count, fresh_network
from benchmarks.training.turns import Turns
from models.cost import parameter_count


class Classification(lightning.LightningModule):  # type: ignore[misc]  # not installed here
    """The network, its loss and its optimizer."""

    def __init__(self, network: nn.Module, learning_rate: float) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate

    def training_step(self, batch: tuple[Tensor, Tensor], _batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        images, labels = batch
        return nn.functional.cross_entropy(self.network(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


class InTurn(lightning.Callback):  # type: ignore[misc]  # not installed here
    """Each epoch waits for its turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def on_train_epoch_start(self, *_: object) -> None:
        """Wait."""
        self._turns.begin()

    def on_train_epoch_end(self, *_: object) -> None:
        """Tell."""
        self._turns.end()


def main() -> None:
    """Tell the facts, then train an epoch for each question."""
    material = Material(Path(sys.argv[1]))
    settings = material.settings()
    conversation = Conversation()
    torch.set_num_threads(settings.threads)
    network = fresh_network(material)
    images = torch.from_numpy(material.normalized("train"))
    labels = torch.from_numpy(material.labels("train"))
    turns = Turns(conversation, lambda: {"correct": correct_count(network, material)})
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[InTurn(turns)],
    )
    conversation.tell(
        {
            "versions": {"lightning": lightning.__version__, "torch": torch.__version__},
            "parameters": parameter_count(network),
        }
    )
    trainer.fit(
        Classification(network, settings.learning_rate),
        DataLoader(TensorDataset(images, labels), batch_size=settings.batch_size, shuffle=True),
    )


if __name__ == "__main__":
    main()
