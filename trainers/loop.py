"""One epoch of training and one pass of validation, over data that lies on the device."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from artifacts.training_records import Hyperparameters
from errors import UnfinishedError

VALIDATION_BATCH_SIZE = 512
WARM_UP_SHARE = 0.25
FIRST_FACTOR = 0.04
OnBatch = Callable[[int, int], None]  # batches done, batches in all


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Images and labels as one tensor each, on the device that trains."""

    images_NCHW: Tensor  # uint8
    labels_N: Tensor  # int64

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels_N)


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


def examples_on_device(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    device: torch.device,
) -> Examples:
    """Return the chosen examples on the device."""
    return Examples(
        images_NCHW=torch.from_numpy(images[indices]).to(device),
        labels_N=torch.from_numpy(labels[indices]).to(device),
    )


def optimizer_for(network: nn.Module, settings: Hyperparameters) -> Optimizer:
    """Return the optimizer that the settings name, over all of the network's parameters."""
    parameters, lr, decay = network.parameters(), settings.lr, settings.weight_decay
    if settings.optimizer == "sgd":
        momentum = settings.momentum
        return SGD(parameters, lr, momentum, weight_decay=decay, nesterov=momentum > 0)
    kind = AdamW if settings.optimizer == "adamw" else Adam
    return kind(parameters, lr=lr, weight_decay=decay)


def scheduler_for(optimizer: Optimizer, settings: Hyperparameters, steps: int) -> LRScheduler:
    """Return the schedule over `steps` optimizer steps."""
    one_cycle = settings.schedule == "one-cycle"
    return LambdaLR(optimizer, lambda step: one_cycle_factor(step, steps) if one_cycle else 1.0)


def one_cycle_factor(step: int, steps: int) -> float:
    """Return the share of the peak learning rate at a step, the first being 0.

    A quarter of the steps up from 1/25, the others down to 0, both along a cosine (Smith and Topin
    2018; torch's OneCycleLR divides by zero where there are four steps).
    """
    up = max(1.0, WARM_UP_SHARE * steps)
    if step < up:
        return _cosine(FIRST_FACTOR, 1.0, min(1.0, (step + 1) / up))
    return _cosine(1.0, 0.0, min(1.0, (step + 1 - up) / max(1.0, steps - up + 1)))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Return the source of an epoch's random order; also seeds torch's own, for dropout.

    Every epoch is seeded from the run's seed and its own number, so that an epoch after a resume
    draws what it would have drawn without one.
    """
    state = np.random.SeedSequence([seed, epoch]).generate_state(2, np.uint32)
    torch.manual_seed(int(state[0]))
    return torch.Generator().manual_seed(int(state[1]))


def train_epoch(
    network: nn.Module,
    examples: Examples,
    *,
    settings: Hyperparameters,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    order: torch.Generator,
    on_batch: OnBatch,
) -> PassResult:
    """Take one optimizer step for each batch, in random order; see `batch_sizes`.

    Raises:
        UnfinishedError: the loss is no longer a finite number.
    """
    network.train()
    device = examples.labels_N.device
    loss_sum = torch.zeros((), device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    permutation = torch.randperm(len(examples), generator=order).to(device)
    batches = torch.split(permutation, batch_sizes(len(examples), settings.batch_size))
    for done, index in enumerate(batches, start=1):
        labels_N = examples.labels_N[index]
        with _autocast(device, settings):
            logits_NK = network(examples.images_NCHW[index])
            loss = nn.functional.cross_entropy(
                logits_NK, labels_N, label_smoothing=settings.label_smoothing
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        optimizer.step()
        scheduler.step()
        loss_sum += loss.detach() * len(index)
        correct += (logits_NK.detach().argmax(dim=1) == labels_N).sum()
        on_batch(done, len(batches))
    result = PassResult(loss_sum=loss_sum.item(), correct=int(correct), examples=len(examples))
    if not math.isfinite(result.loss_sum):
        raise UnfinishedError(
            "training", f"the loss became {result.loss_sum}", hint="try a smaller --lr"
        )
    return result


@torch.inference_mode()
def validate(network: nn.Module, examples: Examples, settings: Hyperparameters) -> PassResult:
    """Return cross-entropy and accuracy over all the examples, in evaluation mode."""
    network.eval()
    loss_sum, correct = 0.0, 0
    for images, labels in _batches(examples, VALIDATION_BATCH_SIZE):
        with _autocast(labels.device, settings):
            logits_NK = network(images).float()
        loss_sum += nn.functional.cross_entropy(logits_NK, labels, reduction="sum").item()
        correct += int((logits_NK.argmax(dim=1) == labels).sum())
    if not math.isfinite(loss_sum):
        raise UnfinishedError(
            "training", f"the validation loss became {loss_sum}", hint="try a smaller --lr"
        )
    return PassResult(loss_sum=loss_sum, correct=correct, examples=len(examples))


def batch_sizes(examples: int, batch_size: int) -> list[int]:
    """Return the sizes of an epoch's batches, the short last one included.

    A last batch of one example joins the one before it: batch normalization has nothing to
    normalize a single value by.
    """
    whole, rest = divmod(examples, batch_size)
    sizes = [batch_size] * whole
    if rest == 1 and whole:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def _batches(examples: Examples, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(examples), size):
        part = slice(start, start + size)
        yield examples.images_NCHW[part], examples.labels_N[part]


def _autocast(device: torch.device, settings: Hyperparameters) -> torch.autocast:
    enabled = settings.precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
