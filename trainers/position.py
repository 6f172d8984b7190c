"""How far an epoch has come, and what its steps add up to."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from errors import UnfinishedError
from trainers.batches import generator_for
from trainers.processes import Processes


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """Sums over the examples of one pass; means are computed once, from them."""

    loss_sum: float
    correct: int
    examples: int

    @property
    def loss(self) -> float:
        """Mean loss an example."""
        return self.loss_sum / self.examples

    @property
    def accuracy(self) -> float:
        """Fraction of the examples that were classified correctly."""
        return self.correct / self.examples


@dataclass(kw_only=True)
class Position:
    """How far an epoch has come.

    Attributes:
        epoch: its number, from 1.
        batches: optimizer steps taken in it.
        loss_sums: float32, one a batch: the loss summed over the batch's examples.
        correct: int64 scalar: how many examples were classified correctly before their step.
        seconds: spent in it by processes that were stopped since.
    """

    epoch: int
    batches: int
    loss_sums: Tensor
    correct: Tensor
    seconds: float = 0.0
    _unsettled: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def add(self, mean_loss: Tensor, logits_NK: Tensor, labels_N: Tensor) -> None:
        """Take note of a step; what it adds to the sums is computed by `settle`."""
        self._unsettled.append((mean_loss.detach(), logits_NK.detach(), labels_N))
        self.batches += 1

    def settle(self) -> None:
        """Bring the sums up to date: many steps at once, since each operation has its price."""
        if not self._unsettled:
            return
        means, logits, labels = zip(*self._unsettled, strict=True)
        sizes = torch.tensor([part.shape[0] for part in labels], device=self.loss_sums.device)
        steps = slice(self.batches - len(means), self.batches)
        self.loss_sums[steps] = torch.stack(means).float() * sizes
        self.correct += correct_count(torch.cat(logits), torch.cat(labels))
        self._unsettled.clear()


def start_of_epoch(seed: int, epoch: int, batches: int, device: torch.device) -> Position:
    """Return the position before the first batch; also seeds torch's own generator, for dropout."""
    torch.manual_seed(generator_for(seed, epoch).initial_seed())
    return Position(
        epoch=epoch,
        batches=0,
        loss_sums=torch.zeros(batches, device=device),
        correct=torch.zeros((), dtype=torch.int64, device=device),
    )


def result_of_epoch(position: Position, examples: int, processes: Processes) -> PassResult:
    """Return the sums of a finished epoch, over all processes.

    Raises:
        UnfinishedError: the loss is no longer a finite number.
    """
    total = processes.added(position.loss_sums.double().sum()).item()
    if not math.isfinite(total):
        raise UnfinishedError("training", f"the loss became {total}", hint="try a smaller --lr")
    correct = int(processes.added(position.correct.sum()))
    return PassResult(loss_sum=total, correct=correct, examples=examples)


def correct_count(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return how many of the logits are largest at the label; an int64 scalar."""
    return (logits_NK.argmax(dim=1) == labels_N).sum()
