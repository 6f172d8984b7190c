"""Principal components, what is drawn of many examples, and which datasets are refused."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from data import Dataset
from data.dataset import Split, dataset_from_splits
from errors import UsageError
from studies.examples import (
    MOST_EXAMPLES,
    evenly,
    principal_components,
    require_classes,
    small_examples,
)


def images(examples: int, side: int = 4) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (examples, 1, side, side), dtype=np.uint8)


def dataset(classes: int, examples: int) -> Dataset:
    labels = np.arange(examples) % max(1, classes)
    split = Split(images=images(examples), labels=labels, sha256="0")
    names = tuple(str(number) for number in range(classes))
    return dataset_from_splits("made", names, {"train": split, "test": split})


def test_components_are_those_of_sklearn_and_end_with_ones() -> None:
    pixels = torch.from_numpy(images(50).astype(np.float64)).flatten(1)
    inputs = principal_components(pixels, 3)
    assert inputs.shape == (50, 4)
    expected = PCA(3, svd_solver="full").fit_transform(pixels.numpy())
    expected /= expected.std(axis=0)
    signs = np.sign((inputs[:, :3].numpy() * expected).sum(axis=0))
    np.testing.assert_allclose(inputs[:, :3].numpy(), signs * expected, atol=1e-9)
    assert bool((inputs[:, 3] == 1).all())


def test_components_are_as_many_as_there_are() -> None:
    pixels = torch.tensor([[0.0, 0], [1, 1], [2, 2], [5, 5]], dtype=torch.float64)
    assert principal_components(pixels, 3).shape == (4, 2)


def test_images_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(UsageError, match="all the same"):
        principal_components(torch.ones(5, 4, dtype=torch.float64), 3)


def test_part_of_many_examples_has_each_class_in_proportion() -> None:
    labels = np.repeat([0, 1], [3 * MOST_EXAMPLES, MOST_EXAMPLES])
    inputs, chosen = small_examples(images(len(labels), 2), labels, seed=0)
    assert len(inputs) == len(chosen) == MOST_EXAMPLES
    assert int(chosen.sum()) == MOST_EXAMPLES // 4


@pytest.mark.parametrize(("examples", "most", "found"), [(10, 4, 4), (8, 4, 4), (3, 4, 3)])
def test_examples_are_taken_evenly(examples: int, most: int, found: int) -> None:
    indices = evenly(examples, most).tolist()
    assert len(indices) == found
    assert indices[-1] < examples


@pytest.mark.parametrize(
    ("classes", "examples", "told"),
    [
        (1, 100, "made has 1 classes; wanted from 2 to 20"),
        (21, 100, "made has 21 classes; wanted from 2 to 20"),
        (2, 49, "made has 49 training examples; wanted 50 or more"),
        (0, 100, "made has no labels"),
    ],
)
def test_dataset_that_cannot_be_studied_is_refused(classes: int, examples: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        require_classes(dataset(classes, examples))
    require_classes(dataset(2, 50))
