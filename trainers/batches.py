"""The order of an epoch: which examples make which batch, and which process takes which of them.

An epoch is a permutation cut into global batches, and these are grouped into chunks. What is done
once a chunk (gathering, normalizing, changing images) costs a small network next to nothing a step.
Everything follows from the seed and the epoch's number, so that no random state has to be saved.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Enough to make what is done once a chunk cheap; few enough to stay in a CPU's cache.
CHUNK_EXAMPLES = 1024


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Consecutive global batches of an epoch.

    Attributes:
        number: its place in the epoch, from 0.
        first_batch: how many batches come before it.
        sizes: examples in each of its batches, over all processes.
        rows: positions of the examples among those that are trained on, int64.
    """

    number: int
    first_batch: int
    sizes: tuple[int, ...]
    rows: Tensor


def epoch_chunks(examples: int, batch_size: int, *, seed: int, epoch: int) -> Iterator[Chunk]:
    """Yield an epoch's chunks; every example is in exactly one batch of one of them."""
    order = torch.randperm(examples, generator=generator_for(seed, epoch))
    sizes = batch_sizes(examples, batch_size)
    batches = batches_in_chunk(batch_size)
    start = 0
    for number, first in enumerate(range(0, len(sizes), batches)):
        own = tuple(sizes[first : first + batches])
        rows = order[start : start + sum(own)]
        start += sum(own)
        yield Chunk(number=number, first_batch=first, sizes=own, rows=rows)


def batches_in_chunk(batch_size: int) -> int:
    """Return how many batches all chunks but the last have."""
    return max(1, CHUNK_EXAMPLES // batch_size)


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


def part_of(count: int, rank: int, processes: int) -> range:
    """Return which of `count` examples a process takes; the parts differ by one at the most."""
    return range(count * rank // processes, count * (rank + 1) // processes)


def own_positions(sizes: tuple[int, ...], rank: int, processes: int) -> tuple[Tensor, list[int]]:
    """Return a process' positions in a chunk of batches of these sizes, and how many from each."""
    parts, start = [], 0
    for size in sizes:
        part = part_of(size, rank, processes)
        parts.append(torch.arange(start + part.start, start + part.stop))
        start += size
    return torch.cat(parts), [len(part) for part in parts]


def generator_for(*numbers: int) -> torch.Generator:
    """Return a source of random numbers that these numbers decide."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
