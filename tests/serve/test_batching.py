"""The queue and its worker: order, bound, sizes, cancellation, failure."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from artifacts.logits import Images
from artifacts.ranking import Ranking
from errors import UnfinishedError
from serve.batching import Batcher, Computed, batch_sizes
from serve.problems import BusyError
from tests.serve.stub import brightness_rankings, flat_images

FAILS = 66  # an image of this brightness makes its batch fail


@dataclass
class Gate:
    """Computes what comes through it, a batch at a time when it is opened; remembers all."""

    batches: list[list[int]] = field(default_factory=list)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    passes: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def rankings(self, images: Images) -> list[Ranking | None]:
        values = [int(image.flat[0]) for image in images]
        self.batches.append(values)
        self.entered.release()
        assert self.passes.acquire(timeout=10)
        if FAILS in values:
            raise UnfinishedError("ONNX Runtime", "the graph failed")
        return brightness_rankings(images)

    async def wait_until_entered(self) -> None:
        await asyncio.to_thread(self.entered.acquire)

    def open(self, times: int = 1000) -> None:
        self.passes.release(times)


def with_batcher(
    test: Callable[[Batcher, Gate], Awaitable[None]], *, max_batch: int = 8, queue_size: int = 20
) -> list[int]:
    """Run the test beside a worker; return the sizes that the worker told of."""
    sizes: list[int] = []

    async def run() -> None:
        gate = Gate()
        batcher = Batcher(
            gate.rankings, max_batch=max_batch, queue_size=queue_size, on_batch=sizes.append
        )
        worker = asyncio.create_task(batcher.run())
        try:
            await asyncio.wait_for(test(batcher, gate), 20)
        finally:
            gate.open()
            worker.cancel()
            await asyncio.wait({worker})

    asyncio.run(run())
    return sizes


def asked(batcher: Batcher, *values: int) -> asyncio.Task[Computed]:
    return asyncio.create_task(batcher.compute(flat_images(*values)))


def brightest(computed: Computed) -> list[int]:
    return [int(ranking.order_K[0]) for ranking in computed.rankings if ranking]


def test_sizes_are_powers_of_two_up_to_the_largest() -> None:
    assert batch_sizes(1) == (1,)
    assert batch_sizes(32) == (1, 2, 4, 8, 16, 32)
    assert batch_sizes(33) == batch_sizes(63) == batch_sizes(32)


def test_what_waits_is_taken_in_order_in_the_largest_power_of_two() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 0)
        await gate.wait_until_entered()  # the others come while it is computed
        others = [asked(batcher, value) for value in range(1, 14)]
        await asyncio.sleep(0)
        assert batcher.waiting == 13
        gate.open()
        await asyncio.gather(first, *others)
        assert gate.batches == [[0], [*range(1, 9)], [9, 10, 11, 12], [13]]

    assert with_batcher(test) == [1, 8, 4, 1]


def test_nobody_waits_for_a_batch_to_fill() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        gate.open()
        computed = await asked(batcher, 255)
        assert brightest(computed) == [2]
        assert computed.batches == (1,)
        assert 0 < computed.compute_seconds <= computed.seconds

    with_batcher(test)


def test_each_gets_its_own_answers_where_requests_share_batches() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 13)
        await gate.wait_until_entered()
        many, one = asked(batcher, 0, 128, 255, 0, 255), asked(batcher, 128)
        gate.open()
        assert (await first).rankings == (None,)  # not finite
        assert brightest(await many) == [0, 1, 2, 0, 2]
        assert brightest(await one) == [1]
        assert (await many).batches == (4, 2)
        assert (await one).batches == (2,)

    with_batcher(test)


def test_full_queue_refuses_and_takes_again_when_there_is_room() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 0)
        await gate.wait_until_entered()
        waiting = asked(batcher, 1, 2)
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="2 images wait already, of at most 3") as refused:
            await batcher.compute(flat_images(3, 4))
        assert refused.value.status == 503
        assert refused.value.headers == {"Retry-After": "1"}
        last = asked(batcher, 5)  # one fits still
        gate.open()
        await asyncio.gather(first, waiting, last)
        await batcher.compute(flat_images(6, 7, 8))

    with_batcher(test, queue_size=3)


def test_who_is_cancelled_is_not_computed_and_frees_the_place() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 0)
        await gate.wait_until_entered()
        gone, stays = asked(batcher, 1, 2, 3), asked(batcher, 4)
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        assert batcher.waiting == 1
        gate.open()
        await asyncio.gather(first, stays)
        assert gate.batches == [[0], [4]]

    with_batcher(test)


def test_who_is_cancelled_while_being_computed_disturbs_nobody() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 0)
        await gate.wait_until_entered()
        gone, stays = asked(batcher, 1), asked(batcher, 2)
        gate.open(1)
        await first
        await gate.wait_until_entered()
        gone.cancel()
        gate.open()
        assert brightest(await stays) == [0]

    with_batcher(test)


def test_batch_that_fails_is_told_to_those_in_it_and_the_next_is_computed() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 0)
        await gate.wait_until_entered()
        # In batches of two: the third image of `split` is dropped with its request.
        split, beside = asked(batcher, 1, FAILS, 2), asked(batcher, 3)
        await asyncio.sleep(0)
        gate.open()
        await first
        with pytest.raises(UnfinishedError, match="the graph failed"):
            await split
        assert brightest(await beside) == [0]
        assert gate.batches[:2] == [[0], [1, FAILS]]

    with_batcher(test, max_batch=2)


def test_image_that_the_network_fails_on_costs_the_others_of_its_batch_no_answer() -> None:
    async def test(batcher: Batcher, gate: Gate) -> None:
        first = asked(batcher, 0)
        await gate.wait_until_entered()
        before, bad, after = asked(batcher, 1), asked(batcher, FAILS), asked(batcher, 2, 3)
        await asyncio.sleep(0)
        gate.open()
        await first
        with pytest.raises(UnfinishedError, match="the graph failed"):
            await bad
        assert brightest(await before) == [0]
        assert brightest(await after) == [0, 0]
        assert gate.batches == [[0], [1, FAILS, 2, 3], [1], [FAILS], [2], [3]]

    assert with_batcher(test) == [1, 1, 1, 1]


def test_worker_survives_a_network_that_forgets_an_image() -> None:
    async def run() -> None:
        batcher = Batcher(
            lambda images: brightness_rankings(images)[: 1 if images.flat[0] == 1 else None],
            max_batch=8,
            queue_size=20,
            on_batch=lambda _: None,
        )
        worker = asyncio.create_task(batcher.run())
        with pytest.raises(ValueError, match="shorter"):
            await asyncio.wait_for(batcher.compute(flat_images(1, 2)), 10)
        computed = await asyncio.wait_for(batcher.compute(flat_images(3, 4)), 10)
        assert None not in computed.rankings
        worker.cancel()

    asyncio.run(run())
