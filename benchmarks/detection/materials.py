"""What the planted faults are planted in: a dataset in colour, a ResNet-18 that learned it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from artifacts.chain import TrainedNetwork
from artifacts.logits import Images
from benchmarks.random_network import make_telling, varied_images
from data import Dataset, load_dataset
from models import build, network_name
from models.classifier import Classifier
from models.foreign_weights import head_names
from models.libraries import CHANNELS
from models.weights import copied_weights, load_weights, write_weights

SOUND_SIDE = 64  # pixels; of the images that sound networks are given
SOUND_EXAMPLES = 96
SOUND_MEAN, SOUND_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of pixels from 0 to 1


def colour_digits(path: Path) -> None:
    """Write the embedded digits in colours that tell half of the class, and vary in brightness.

    They are 14 pixels wide, every second one of 28, which were made of 8: a quarter of the work.
    """
    random = np.random.default_rng(0)

    def coloured(images: Images, labels: np.ndarray) -> Images:
        hue = labels % 5 / 5 + random.normal(0, 0.08, len(labels))
        angle = 2 * np.pi * (hue[:, None] + np.array([0, 1 / 3, 2 / 3]))
        tint = (0.55 + 0.45 * np.cos(angle)) * random.uniform(0.4, 1, (len(labels), 1))
        coloured_NCHW: Images = (images[:, :, ::2, ::2] * tint[:, :, None, None]).astype(np.uint8)
        return coloured_NCHW

    digits = load_dataset("digits")
    write_npz(
        path,
        coloured(digits.train.images, digits.train.labels),
        digits.train.labels,
        coloured(digits.test.images, digits.test.labels),
        digits.test.labels,
    )


def truncated(source: Path, path: Path) -> None:
    """Write a dataset whose test split has lost its last tenth."""
    with np.load(source) as arrays:
        few = len(arrays["test_labels"]) * 9 // 10
        write_npz(
            path,
            arrays["train_images"],
            arrays["train_labels"],
            arrays["test_images"][:few],
            arrays["test_labels"][:few],
        )


def write_npz(path: Path, *arrays: np.ndarray) -> None:
    """Write a dataset: images and labels to train on, and to test."""
    train_images, train_labels, test_images, test_labels = arrays
    np.savez(
        path,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
    )


def varied_dataset(path: Path) -> Dataset:
    """Write images that differ in brightness, noise and pattern, with labels of ten classes."""
    images = varied_images(SOUND_EXAMPLES, SOUND_SIDE)
    labels = np.arange(len(images)) % 10
    write_npz(path, images, labels, images, labels)
    return load_dataset(str(path))


def write_sound_network(name: str, images: Images, network: Path, whole: Path) -> dict[str, Any]:
    """Write random weights with which a network tells images apart; return what `build` takes.

    Args:
        name: as --model takes it.
        images: uint8 images_NCHW.
        network: where to, without preprocessing.
        whole: where to, with it.
    """
    torch.manual_seed(0)
    size = (SOUND_SIDE, SOUND_SIDE)
    mean, std = ([255 * value for value in values] for values in (SOUND_MEAN, SOUND_STD))
    model: dict[str, Any] = {"num_classes": 10, "in_channels": CHANNELS, "image_size": size}
    model |= {"name": name, "mean": mean, "std": std}
    classifier = build(**model)
    make_telling(classifier, images, head_names(network_name(name), CHANNELS, size))
    write_weights(network, copied_weights(classifier.network))
    write_weights(whole, copied_weights(classifier))
    return model


def trained_classifier(trained: TrainedNetwork) -> Classifier:
    """Return the network of a run, with its weights, in evaluation mode."""
    classifier = build(**trained.model.model_dump())
    load_weights(trained.run.weights, classifier)
    return classifier.eval()
