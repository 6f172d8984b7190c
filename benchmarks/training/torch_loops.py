"""An epoch by ours, and by each loop that people write in torch; a process of its own.

    python -m benchmarks.training.torch_loops WAY FOLDER

All train the same network on the same images with Adam, as the `assignment` recipe does. Each is
built as those who use it build it, and where there is a choice, the faster way is taken.
"""

import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from artifacts.training_records import Recipe
from benchmarks.answering import Answer, Conversation, own_memory_bytes
from benchmarks.training.arithmetic import arithmetic_alone
from benchmarks.training.material import Material
from benchmarks.training.torch_network import correct_count, fresh_network
from benchmarks.training.turns import Turns
from models.cost import parameter_count
from trainers.examples import examples_from_split
from trainers.execution import set_determinism
from trainers.loop import train_epoch
from trainers.position import result_of_epoch
from trainers.processes import Processes
from trainers.progress import started_progress

ALONE = Processes(
    rank=0, count=1, local_rank=0, local_count=1, device=torch.device("cpu")
)  # no torchrun


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One way of training.

    Attributes:
        network: that is trained; it takes normalized images.
        epoch: trains it on all the images once.
        learns: whether its answers are of interest.
    """

    network: nn.Module
    epoch: Callable[[], None]
    learns: bool = True


def ours(material: Material, *, streamed: bool) -> Loop:
    """Return this project's epoch: from memory, or from a memory map as the cache has it.

    It is what `train` runs, without what that does after a step (two clocks and a comparison; too
    little to be measured) and without a progress bar.

    Raises:
        MemoryError: too little memory is free to hold the images in it.
    """
    recipe = Recipe.model_validate_json(material.settings().recipe_json, strict=True)
    set_determinism(True, ALONE.device)  # as `train` does
    progress = started_progress(recipe, ALONE, compiled=False)
    images, labels = material.images("train"), material.labels("train")
    examples = examples_from_split(
        images,
        labels,
        np.arange(len(labels)),
        ALONE.device,
        memory_bytes=0 if streamed else None,
    )
    if examples.streamed != streamed:
        raise MemoryError("the images do not fit into half of the free memory")

    def epoch() -> None:
        progress.begin_epoch()
        train_epoch(
            progress.trainee,
            examples,
            progress.position,
            settings=recipe.hyperparameters,
            seed=recipe.seed,
            processes=ALONE,
            after_batch=lambda: None,
        )
        result_of_epoch(progress.position, len(examples), ALONE)

    return Loop(network=progress.trainee.classifier.network, epoch=epoch)


def bare_loop(material: Material) -> Loop:
    """Return the loop that one writes by hand when nothing but speed counts.

    Float images, normalized beforehand; a permutation, a batch by `index_select` (faster than
    `images[index]`), forward, backward, a fused step. It counts neither loss nor accuracy, which
    ours does.
    """
    settings = material.settings()
    network = fresh_network(material)
    images = torch.from_numpy(material.normalized("train"))
    labels = torch.from_numpy(material.labels("train"))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)

    def epoch() -> None:
        network.train()
        for index in torch.split(torch.randperm(len(images)), settings.batch_size):
            logits = network(images.index_select(0, index))
            loss = nn.functional.cross_entropy(logits, labels.index_select(0, index))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return Loop(network=network, epoch=epoch)


def data_loader(material: Material, *, workers: int) -> Loop:
    """Return the loop of torch's tutorials: PIL images, transforms for each one, a DataLoader.

    Everything that the tutorials leave to torch is left to it: how items become a batch, the plain
    Adam. They add up the loss at each step too. Only workers stay from epoch to epoch, which is the
    faster way.
    """
    from torchvision import datasets, transforms

    settings = material.settings()
    normalize = transforms.Normalize(settings.mean / 255, settings.std / 255)
    transform = transforms.Compose([transforms.ToTensor(), normalize])
    loader: DataLoader[Any] = DataLoader(
        datasets.MNIST(material.folder, train=True, transform=transform),
        batch_size=settings.batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    network = fresh_network(material)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> None:
        network.train()
        running_loss = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()

    return Loop(network=network, epoch=epoch)


def arithmetic(material: Material) -> Loop:
    """Return what is left of an epoch without data, loss and automatic differentiation."""
    settings = material.settings()
    network = fresh_network(material)
    steps = len(material.labels("train")) // settings.batch_size
    epoch = arithmetic_alone(network, settings.batch_size, settings.learning_rate, steps)
    return Loop(network=network, epoch=epoch, learns=False)


WAYS: dict[str, Callable[[Material], Loop]] = {
    "ours": partial(ours, streamed=False),
    "ours, from disk": partial(ours, streamed=True),
    "bare loop": bare_loop,
    "DataLoader": partial(data_loader, workers=0),
    "DataLoader, 2 workers": partial(data_loader, workers=2),
    "arithmetic alone": arithmetic,
}


def main() -> None:
    """Tell the facts, then train an epoch for each question."""
    way, folder = sys.argv[1:]
    material = Material(Path(folder))
    conversation = Conversation()
    torch.set_num_threads(material.settings().threads)
    loop = WAYS[way](material)
    turns = Turns(conversation, lambda: _found(loop, material))
    conversation.tell(
        {"versions": {"torch": torch.__version__}, "parameters": parameter_count(loop.network)}
    )
    while True:
        turns.begin()
        loop.epoch()
        turns.end()


def _found(loop: Loop, material: Material) -> Answer:
    """Return what an epoch came to: right answers, and the memory of processes that helped."""
    workers = [own_memory_bytes(one.pid or 0) for one in multiprocessing.active_children()]
    known = [memory for memory in workers if memory is not None]
    return {
        "correct": correct_count(loop.network, material) if loop.learns else None,
        "workers_memory_bytes": sum(known) if known else None,
    }


if __name__ == "__main__":
    main()
