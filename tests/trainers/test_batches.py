import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.batches import (
    CHUNK_EXAMPLES,
    batch_sizes,
    batches_in_chunk,
    epoch_chunks,
    generator_for,
    own_positions,
    part_of,
)


@pytest.mark.parametrize(
    ("examples", "size", "sizes"),
    [
        (21, 8, [8, 8, 5]),
        (17, 8, [8, 9]),
        (16, 8, [8, 8]),
        (3, 8, [3]),
        (1, 8, [1]),
        (2, 1, [1, 1]),
    ],
)
def test_batches_hold_every_example_and_none_is_left_alone(
    examples: int, size: int, sizes: list[int]
) -> None:
    assert batch_sizes(examples, size) == sizes


@given(examples=st.integers(1, 3000), size=st.integers(1, 1500), epoch=st.integers(1, 9))
def test_every_example_is_in_one_batch_of_an_epoch(examples: int, size: int, epoch: int) -> None:
    chunks = list(epoch_chunks(examples, size, seed=0, epoch=epoch))
    rows = torch.cat([chunk.rows for chunk in chunks])
    assert sorted(rows.tolist()) == list(range(examples))
    assert [size for chunk in chunks for size in chunk.sizes] == batch_sizes(examples, size)
    for number, chunk in enumerate(chunks):
        assert chunk.number == number
        assert chunk.first_batch == number * batches_in_chunk(size)
        assert len(chunk.rows) == sum(chunk.sizes)
        assert len(chunk.rows) <= max(CHUNK_EXAMPLES, size) + 1


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), processes=st.integers(1, 5))
def test_processes_share_each_batch_without_overlap(sizes: list[int], processes: int) -> None:
    shares = [own_positions(tuple(sizes), rank, processes) for rank in range(processes)]
    positions = torch.cat([own for own, _ in shares])
    assert sorted(positions.tolist()) == list(range(sum(sizes)))
    for number, size in enumerate(sizes):
        counts = [own_sizes[number] for _, own_sizes in shares]
        assert sum(counts) == size
        assert max(counts) - min(counts) <= 1


@given(count=st.integers(0, 100), processes=st.integers(1, 7))
def test_validation_is_counted_once(count: int, processes: int) -> None:
    parts = [part_of(count, rank, processes) for rank in range(processes)]
    assert [example for part in parts for example in part] == list(range(count))


def test_order_differs_from_epoch_to_epoch_and_not_from_run_to_run() -> None:
    orders = [
        torch.cat([chunk.rows for chunk in epoch_chunks(50, 8, seed=seed, epoch=epoch)])
        for seed, epoch in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
    assert not torch.equal(orders[0], orders[3])


def test_random_numbers_follow_each_of_the_numbers_and_their_order() -> None:
    numbers = [(1, 2, 3), (1, 2, 4), (1, 3, 2), (2, 1, 3), (0, 1, 2)]
    streams = {tuple(torch.rand(3, generator=generator_for(*each)).tolist()) for each in numbers}
    assert len(streams) == len(numbers)
    again = torch.rand(3, generator=generator_for(1, 2, 3))
    assert tuple(again.tolist()) in streams
