"""An epoch of training by each way that training_speed compares, as functions that return seconds.

All train the same network on the same images with Adam at 1e-3, as the `assignment` recipe does.
Each is built as those who use it build it, and where there is a choice, the faster way is taken.
"""

import contextlib
import gzip
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from artifacts.training_records import Recipe
from data import Dataset
from data.splits import TrainingIndices
from data.torchvision_datasets import find_or_download
from models import build
from trainers.examples import examples_from_split
from trainers.loop import train_epoch
from trainers.position import result_of_epoch
from trainers.processes import Processes
from trainers.progress import started_progress

Epoch = Callable[[], float]


class MissingContenderError(Exception):
    """What should be measured beside ours does not start; the message says why, in one line."""


def ours(
    recipe: Recipe,
    dataset: Dataset,
    indices: TrainingIndices,
    processes: Processes,
    *,
    streamed: bool,
) -> Epoch:
    """Return this project's epoch: from memory, or from the memory map of the cache.

    It is what `train` runs, without what that does after a step (two clocks and a comparison; too
    little to be measured) and without a progress bar.

    Raises:
        click.ClickException: too little memory is free to hold the images in it.
    """
    progress = started_progress(recipe, processes, compiled=False)
    examples = examples_from_split(
        dataset.train.images,
        dataset.train.labels,
        indices.train,
        processes.device,
        memory_bytes=0 if streamed else None,
    )
    if examples.streamed != streamed:
        raise click.ClickException("the images do not fit into half of the free memory")

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

    Float images, normalized beforehand; a permutation, a batch by `index_select` (faster than
    `images[index]`), forward, backward, a fused step. It counts neither loss nor accuracy, which
    ours does.
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
            logits = network(images.index_select(0, index))
            loss = nn.functional.cross_entropy(logits, labels.index_select(0, index))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return time.perf_counter() - start

    return epoch


def data_loader(recipe: Recipe, data_dir: Path, indices: TrainingIndices, *, workers: int) -> Epoch:
    """Return the loop of torch's tutorials: PIL images, transforms for each one, a DataLoader.

    Everything that the tutorials leave to torch is left to it: how items become a batch, the plain
    Adam, that workers start anew each epoch. They add up the loss at each step too.
    """
    loader: DataLoader[Any] = DataLoader(
        Subset(_torchvision_mnist(recipe, data_dir), indices.train.tolist()),
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
    """An epoch of Keras' `fit`, in a process of another interpreter that waits in between.

    Args:
        python: of an environment that has Keras.
        recipe: names network and batch size.
        dataset: its training images are given to Keras normalized, as float32.
        indices: of those that are trained on.

    Raises:
        MissingContenderError: it does not start.
    """

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
        self._errors = folder / "stderr"
        try:
            with self._errors.open("wb") as errors:
                self._child = subprocess.Popen(
                    [str(python), str(script), recipe.model.name, *files, batch_size],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
        except OSError as error:
            self._folder.cleanup()
            raise MissingContenderError(f"{python}: {error.strerror}") from error
        try:
            self.facts = self._answer()  # versions and threads
        except MissingContenderError:
            self.close()
            raise
        self.epochs: list[dict[str, float]] = []

    def __call__(self) -> float:
        """Run an epoch and return its seconds.

        Raises:
            MissingContenderError: the process has ended.
        """
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then it has ended, which _answer tells
            self._child.stdin.write("\n")
            self._child.stdin.flush()
        self.epochs.append(self._answer())
        return self.epochs[-1]["seconds"]

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.communicate()
        self._folder.cleanup()

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            last = (self._errors.read_text(errors="replace").strip() or "no message").splitlines()
            code = self._child.wait()
            raise MissingContenderError(f"keras_fit.py ended with {code}: {last[-1]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _torchvision_mnist(recipe: Recipe, data_dir: Path) -> Any:
    from torchvision import datasets, transforms

    mean, std = (value[0] / 255 for value in (recipe.mean, recipe.std))
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
    with tempfile.TemporaryDirectory() as folder:
        # It wants the files unpacked in a folder of this name, and takes them into memory at once.
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for path in find_or_download("mnist", data_dir):
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            (raw / path.name.removesuffix(".gz")).write_bytes(content)
        return datasets.MNIST(folder, train=True, download=False, transform=transform)


def _network(recipe: Recipe) -> nn.Module:
    torch.manual_seed(recipe.seed)
    network = build(**recipe.model.model_dump()).network
    return network.to(memory_format=torch.channels_last)
