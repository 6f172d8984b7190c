"""The examples of a study: of which classes, and as few numbers each as a Hessian allows."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data import Dataset
from data.splits import stratified_sample
from errors import UsageError

COMPONENTS = 6  # of the images; a Hessian of all pixels would have 60 million entries
MOST_CLASSES = 20  # whose Hessians are still quickly made
MOST_EXAMPLES = 2_000
FEWEST_EXAMPLES = 50
THREADS = 1  # of PyTorch: matrices so small are slower with two, and far slower on a busy machine
RANK_TOLERANCE = 1e-9  # of the largest singular value


def require_classes(dataset: Dataset) -> None:
    """Return if the dataset has from 2 to 20 classes, and examples enough.

    Raises:
        UsageError: it has not.
    """
    classes = len(dataset.classes)
    if not dataset.labelled:
        raise UsageError("--dataset", f"{dataset.name} has no labels; wanted classes to tell apart")
    if not 2 <= classes <= MOST_CLASSES:
        raise UsageError(
            "--dataset", f"{dataset.name} has {classes} classes; wanted from 2 to {MOST_CLASSES}"
        )
    require_examples(dataset.name, len(dataset.train))


def require_examples(name: str, examples: int) -> None:
    """Return if there are training examples enough.

    Raises:
        UsageError: there are not.
    """
    if examples < FEWEST_EXAMPLES:
        raise UsageError(
            "--dataset",
            f"{name} has {examples} training examples; wanted {FEWEST_EXAMPLES} or more",
        )


def evenly(examples: int, most: int) -> Tensor:
    """Return at most so many of the examples' indices, as far apart as it needs."""
    return torch.arange(0, examples, -(-examples // most))


def small_examples(
    images_NCHW: NDArray[np.uint8], labels_N: NDArray[np.int64], *, seed: int
) -> tuple[Tensor, Tensor]:
    """Return inputs_ND, float64, and labels_N of at most 2,000 of the examples, by proportion.

    An input has an image's principal components, 6 or as many as there are, each with mean 0 and
    variance 1 over the examples, and a one.

    Args:
        images_NCHW: uint8.
        labels_N: of them.
        seed: of what is drawn.

    Raises:
        UsageError: all images are the same.
    """
    chosen = np.arange(len(labels_N))
    if len(chosen) > MOST_EXAMPLES:
        chosen = stratified_sample(labels_N, MOST_EXAMPLES, np.random.default_rng(seed))
    pixels_NP = torch.from_numpy(images_NCHW[chosen].astype(np.float64)).flatten(1)
    return principal_components(pixels_NP, COMPONENTS), torch.from_numpy(labels_N[chosen])


def principal_components(pixels_NP: Tensor, most: int) -> Tensor:
    """Return float64 [N, D]: components with mean 0 and variance 1, and a column of ones.

    Raises:
        UsageError: all rows are the same.
    """
    left, singular, _ = torch.linalg.svd(pixels_NP - pixels_NP.mean(dim=0), full_matrices=False)
    rank = int((singular > RANK_TOLERANCE * singular[0]).sum()) if singular[0] > 0 else 0
    if rank == 0:
        raise UsageError("--dataset", "its training images are all the same; wanted different ones")
    scores = left[:, : min(most, rank)] * len(left) ** 0.5
    return torch.cat([scores, torch.ones(len(left), 1, dtype=torch.float64)], dim=1)
