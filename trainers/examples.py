"""Where the examples lie while a network trains: in the device's memory, or on disk.

What fits is copied to the device once. What does not is read from the memory map chunk by chunk,
by a thread that is a few chunks ahead; the order of the examples is the same.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untrusted.memory import available_memory_bytes

MEMORY_SHARE = 0.5  # of what is free; the rest is for the network, its gradients, the user
CHUNKS_AHEAD = 2


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Images and labels on the device that computes."""

    images_NCHW: Tensor  # uint8
    labels_N: Tensor  # int64

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels_N)


class Examples(Protocol):
    """The examples that are trained on, or that validate, each known by its position."""

    @property
    def device(self) -> torch.device:
        """Where the batches lie."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""

    @property
    def streamed(self) -> bool:
        """Whether they are read from the disk while they are used."""

    def __len__(self) -> int:
        """Return the number of examples."""

    def batches(self, parts: Iterable[Tensor]) -> Iterator[Batch]:
        """Yield the examples at the positions (int64) of each part."""


@dataclass(frozen=True, kw_only=True)
class ExamplesInMemory:
    """All examples as one tensor on the device."""

    everything: Batch
    streamed = False

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.everything.labels_N.device

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.everything.images_NCHW.shape[2:]
        return height, width

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.everything)

    def batches(self, parts: Iterable[Tensor]) -> Iterator[Batch]:
        """Yield the examples at the positions of each part."""
        for part in parts:
            rows = part.to(self.device)
            yield Batch(
                # Six times as fast as indexing by the rows.
                images_NCHW=self.everything.images_NCHW.index_select(0, rows),
                labels_N=self.everything.labels_N.index_select(0, rows),
            )


@dataclass(frozen=True, kw_only=True)
class ExamplesOnDisk:
    """Images in a memory map, of which `indices` are meant; read ahead of their use."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    device: torch.device
    streamed = True

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.images.shape[2:]
        return height, width

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.indices)

    def batches(self, parts: Iterable[Tensor]) -> Iterator[Batch]:
        """Yield the examples at the positions of each part."""
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as reader:
            for part in parts:
                waiting.append(reader.submit(self._read, part))
                if len(waiting) > CHUNKS_AHEAD:
                    yield self._on_device(waiting.popleft().result())
            while waiting:
                yield self._on_device(waiting.popleft().result())

    def _read(self, part: Tensor) -> Batch:
        wanted = self.indices[part.numpy()]
        ascending = np.argsort(wanted)  # disks and read-ahead prefer one direction
        images = np.empty((len(wanted), *self.images.shape[1:]), dtype=np.uint8)
        images[ascending] = self.images[wanted[ascending]]
        batch = Batch(
            images_NCHW=torch.from_numpy(images), labels_N=torch.from_numpy(self.labels[wanted])
        )
        return _pinned(batch) if self.device.type == "cuda" else batch

    def _on_device(self, batch: Batch) -> Batch:
        return Batch(
            images_NCHW=batch.images_NCHW.to(self.device, non_blocking=True),
            labels_N=batch.labels_N.to(self.device, non_blocking=True),
        )


def examples_from_split(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    device: torch.device,
    *,
    memory_bytes: int | None = None,
) -> Examples:
    """Return the chosen examples of a split, in memory if they fit.

    Args:
        images: uint8 [N, C, H, W], in memory or a memory map.
        labels: int64 [N].
        indices: which of them, int64.
        device: where they are needed.
        memory_bytes: what may be used; by default half of what is free.
    """
    if memory_bytes is None:
        memory_bytes = int(MEMORY_SHARE * free_bytes(device))
    if len(indices) * images[0].nbytes > memory_bytes:
        return ExamplesOnDisk(images=images, labels=labels, indices=indices, device=device)
    return ExamplesInMemory(
        everything=Batch(
            images_NCHW=torch.from_numpy(images[indices]).to(device),
            labels_N=torch.from_numpy(labels[indices]).to(device),
        )
    )


def free_bytes(device: torch.device) -> int:
    """Return how much memory the device has left, as far as this process may know."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return available_memory_bytes()


def _pinned(batch: Batch) -> Batch:
    return Batch(images_NCHW=batch.images_NCHW.pin_memory(), labels_N=batch.labels_N.pin_memory())
