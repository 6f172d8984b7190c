"""An epoch of training by each way that training_speed compares, as functions that return seconds.

All train the same network on the same images with Adam at 1e-3, as the `assignment` recipe does.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from artifacts.training_records import Recipe
from data import Dataset
from models import build
from trainers.examples import Examples, examples_from_split
from trainers.loop import result_of_epoch, train_epoch
from trainers.processes import Processes
from trainers.progress import started_progress
from trainers.splits import TrainingIndices

Epoch = Callable[[], float]


def ours(
    recipe: Recipe,
    dataset: Dataset,
    indices: TrainingIndices,
    processes: Processes,
    *,
    memory_bytes: int | None = None,
) -> Epoch:
    """Return this project's epoch, as `train` runs it; from disk with memory_bytes=0."""
    progress = started_progress(recipe, processes, compiled=False)
    examples: Examples = examples_from_split(
        dataset.train.images,
        dataset.train.labels,
        indices.train,
        processes.device,
        memory_bytes=memory_bytes,
    )

    def epoch() -> float:
        start = time.perf_counter()
        progress.begin_epoch()
        train_epoch(
            progress.trainee,
            examples,
            progress.position,
            settings=recipe.hyperparameters,
            seed=recipe.seed,
            processes=processes,
            after_batch=lambda: None,
        )
        result_of_epoch(progress.position, len(examples), processes)
        return time.perf_counter() - start

    return epoch


def bare_loop(recipe: Recipe, dataset: Dataset, indices: TrainingIndices) -> Epoch:
    """Return the loop that one writes by hand when nothing but speed counts.

    Float images, normalized beforehand; a permutation, a batch by indexing, forward, backward, a
    fused step. It counts neither loss nor accuracy.
    """
    network = _network(recipe)
    pixels = torch.from_numpy(dataset.train.images[indices.train]).float()
    images = (pixels - recipe.mean[0]) / recipe.std[0]
    labels = torch.from_numpy(dataset.train.labels[indices.train])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    batch_size = recipe.hyperparameters.batch_size

    def epoch() -> float:
        start = time.perf_counter()
        network.train()
        for index in torch.split(torch.randperm(len(images)), batch_size):
            loss = nn.functional.cross_entropy(network(images[index]), labels[index])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return time.perf_counter() - start

    return epoch


class PilImages(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """Item by item what torchvision.datasets.MNIST does: a PIL image, then the transforms."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], transform: Any):
        self._images_NHW, self._labels, self._transform = images, labels, transform

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return a transformed image and its label."""
        image = Image.fromarray(self._images_NHW[index])
        return self._transform(image), int(self._labels[index])


def data_loader(
    recipe: Recipe, dataset: Dataset, indices: TrainingIndices, *, workers: int
) -> Epoch:
    """Return the loop of torch's tutorials: PIL images, transforms for each one, a DataLoader."""
    from torchvision import transforms

    mean, std = (value[0] / 255 for value in (recipe.mean, recipe.std))
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
    images = dataset.train.images[indices.train, 0]
    loader: DataLoader[Any] = DataLoader(
        PilImages(images, dataset.train.labels[indices.train], transform),
        batch_size=recipe.hyperparameters.batch_size,
        shuffle=True,
        num_workers=workers,
    )
    network = _network(recipe)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> float:
        start = time.perf_counter()
        network.train()
        running_loss = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        return time.perf_counter() - start

    return epoch


class KerasFit:
    """An epoch of Keras' `fit`, in a process of another interpreter."""

    def __init__(
        self, python: Path, recipe: Recipe, dataset: Dataset, indices: TrainingIndices
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        pixels = dataset.train.images[indices.train, 0].astype(np.float32)
        np.save(folder / "images.npy", (pixels - recipe.mean[0]) / recipe.std[0])
        np.save(folder / "labels.npy", dataset.train.labels[indices.train])
        script = Path(__file__).with_name("keras_fit.py")
        batch_size = str(recipe.hyperparameters.batch_size)
        files = [str(folder / "images.npy"), str(folder / "labels.npy")]
        self._child = subprocess.Popen(
            [str(python), str(script), recipe.model.name, *files, batch_size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.last: dict[str, Any] = {}

    def __call__(self) -> float:
        """Run an epoch and return its seconds."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        self.last = json.loads(self._child.stdout.readline())
        return float(self.last["seconds"])

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.wait()
        self._folder.cleanup()


def _network(recipe: Recipe) -> nn.Module:
    torch.manual_seed(recipe.seed)
    network = build(**recipe.model.model_dump()).network
    return network.to(memory_format=torch.channels_last)
