"""What every contender of a workload is given: a folder of images, labels and settings.

    material.json
    train_images.npy  train_labels.npy  validation_images.npy  validation_labels.npy
    MNIST/raw/*-ubyte      the training images once more, as torchvision's MNIST class reads them

It needs numpy alone, since it is read in the environments of other projects.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Part = Literal["train", "validation"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained, and how.

    Attributes:
        model: the network's name.
        network: what `models.build` takes.
        recipe_json: the whole recipe, for ours.
        batch_size: of a step.
        learning_rate: Adam's.
        seed: of the initial weights, where they are torch's.
        threads: that torch may use.
        mean: of the training pixels, in 0..255.
        std: of them.
    """

    model: str
    network: dict[str, Any]
    recipe_json: str
    batch_size: int
    learning_rate: float
    seed: int
    threads: int
    mean: float
    std: float


@dataclass(frozen=True)
class Material:
    """The folder of one workload."""

    folder: Path

    def write(
        self,
        settings: Settings,
        images_NCHW: NDArray[np.uint8],
        labels_N: NDArray[np.int64],
        positions: dict[Part, NDArray[np.int64]],
    ) -> None:
        """Write the settings, and of grey images those at the positions."""
        (self.folder / "material.json").write_text(json.dumps(asdict(settings)))
        for part, chosen in positions.items():
            np.save(self._path(part, "images"), images_NCHW[chosen])
            np.save(self._path(part, "labels"), labels_N[chosen])
        raw = self.folder / "MNIST" / "raw"
        raw.mkdir(parents=True)
        images, labels = self.images("train"), self.labels("train")
        for split in ("train", "t10k"):  # torchvision wants both to be there, and reads the first
            _write_idx(raw / f"{split}-images-idx3-ubyte", images[:, 0])
            _write_idx(raw / f"{split}-labels-idx1-ubyte", labels.astype(np.uint8))

    def settings(self) -> Settings:
        """Return the settings."""
        return Settings(**json.loads((self.folder / "material.json").read_text()))

    def images(self, part: Part) -> NDArray[np.uint8]:
        """Return uint8 [N, 1, H, W] as a memory map, as the cache of datasets has them."""
        images: NDArray[np.uint8] = np.load(self._path(part, "images"), mmap_mode="r")
        return images

    def labels(self, part: Part) -> NDArray[np.int64]:
        """Return int64 [N]."""
        labels: NDArray[np.int64] = np.load(self._path(part, "labels"))
        return labels

    def normalized(self, part: Part) -> NDArray[np.float32]:
        """Return the images as float32 [N, 1, H, W] of mean 0 and deviation 1."""
        return _normalized(self.images(part), self.settings())

    def validation_batches(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Yield the normalized validation images with their labels.

        In batches of the training's size, so that they need no more memory than a step does.
        """
        settings = self.settings()
        images, labels = self.images("validation"), self.labels("validation")
        for start in range(0, len(labels), settings.batch_size):
            chosen = slice(start, start + settings.batch_size)
            yield _normalized(images[chosen], settings), labels[chosen]

    def _path(self, part: Part, what: str) -> Path:
        return self.folder / f"{part}_{what}.npy"


def _normalized(images: NDArray[np.uint8], settings: Settings) -> NDArray[np.float32]:
    pixels = images.astype(np.float32)
    pixels -= np.float32(settings.mean)
    pixels /= np.float32(settings.std)
    return pixels


def _write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())
