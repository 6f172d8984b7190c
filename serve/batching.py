"""A bounded queue of images, and the one worker that computes whatever waits, together.

The rule is that of `evaluate --scenario server`, so that the rate measured there tells what to
expect here: the largest power of two that waits, no larger than the largest batch. Nobody waits for
a batch to be filled, and few shapes need to be warmed up. Where images arrive faster than they can
be computed one by one, batches grow by themselves.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Images
from artifacts.ranking import Ranking, RankingFunction
from errors import UnfinishedError
from serve.problems import BusyError


def batch_sizes(max_batch: int) -> tuple[int, ...]:
    """Return the sizes that batches may have: powers of two."""
    return tuple(1 << power for power in range(max_batch.bit_length()))


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What became of a request's images.

    Attributes:
        rankings: in the order of the images; None where the network's answer is not finite.
        seconds: from when they were queued to the last answer.
        compute_seconds: of these, the time that the batches with its images took.
        batches: their sizes.
    """

    rankings: tuple[Ranking | None, ...]
    seconds: float
    compute_seconds: float
    batches: tuple[int, ...]


@dataclass(eq=False, kw_only=True)
class _Asked:
    """A request on its way through the queue."""

    future: asyncio.Future[Computed]
    rankings: list[Ranking | None]
    missing: int
    queued: float = field(default_factory=time.perf_counter)
    compute_seconds: float = 0.0
    batches: list[int] = field(default_factory=list)

    def note_batch(self, size: int, seconds: float) -> None:
        self.batches.append(size)
        self.compute_seconds += seconds

    def note_ranking(self, index: int, ranking: Ranking | None) -> None:
        self.rankings[index] = ranking
        self.missing -= 1
        if self.missing == 0 and not self.future.done():
            computed = Computed(
                rankings=tuple(self.rankings),
                seconds=time.perf_counter() - self.queued,
                compute_seconds=self.compute_seconds,
                batches=tuple(self.batches),
            )
            self.future.set_result(computed)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Place:
    """One image in the queue: the `index`-th of what was asked."""

    image_CHW: NDArray[np.uint8]
    asked: _Asked
    index: int


class Batcher:
    """Queues images of many requests and computes them in batches, in one thread of its own.

    Everything but the computation happens in the event loop, so nothing needs a lock.

    Args:
        rankings: what computes a batch.
        max_batch: most images that are computed together.
        queue_size: most images that wait.
        on_batch: is told the size of each.
    """

    def __init__(
        self,
        rankings: RankingFunction,
        *,
        max_batch: int,
        queue_size: int,
        on_batch: Callable[[int], None],
    ) -> None:
        self._rankings = rankings
        self._max_batch = max_batch
        self._queue_size = queue_size
        self._on_batch = on_batch
        self._places: deque[_Place] = deque()
        self._has_places = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many images wait; those that are being computed do not."""
        return len(self._places)

    async def compute(self, images: Images) -> Computed:
        """Return what the network says of the images, which may share batches with others.

        If the caller is cancelled meanwhile, those that still wait are not computed.

        Raises:
            BusyError: there is no place for them in the queue.
            UnfinishedError: the graph could not be run on one of them, or not in time.
        """
        if self.waiting + len(images) > self._queue_size:
            raise BusyError(f"{self.waiting} images wait already, of at most {self._queue_size}")
        future: asyncio.Future[Computed] = asyncio.get_running_loop().create_future()
        asked = _Asked(future=future, rankings=[None] * len(images), missing=len(images))
        self._places.extend(
            _Place(image_CHW=image, asked=asked, index=index) for index, image in enumerate(images)
        )
        self._has_places.set()
        try:
            return await future
        finally:
            if asked.missing:
                self._places = deque(place for place in self._places if place.asked is not asked)

    async def run(self) -> None:
        """Compute batches until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "onnx-runtime") as thread:
            while True:
                await self._has_places.wait()
                places = self._taken()
                if not places:
                    self._has_places.clear()
                    continue
                await self._compute_batch(loop, thread, places)

    def _taken(self) -> list[_Place]:
        if not self._places:
            return []
        size = 1 << min(len(self._places), self._max_batch).bit_length() - 1
        return [self._places.popleft() for _ in range(size)]

    async def _compute_batch(
        self, loop: asyncio.AbstractEventLoop, thread: ThreadPoolExecutor, places: Sequence[_Place]
    ) -> None:
        images = np.stack([place.image_CHW for place in places])
        requests = list(dict.fromkeys(place.asked for place in places))
        start = time.perf_counter()
        try:
            rankings = await loop.run_in_executor(thread, self._rankings, images)
            seconds = time.perf_counter() - start
            self._on_batch(len(places))
            for asked in requests:
                asked.note_batch(len(places), seconds)
            for place, ranking in zip(places, rankings, strict=True):
                place.asked.note_ranking(place.index, ranking)
        except UnfinishedError as error:
            if len(places) > 1:  # one image may be to blame, and the others get their answers
                for place in places:
                    if not place.asked.future.done():
                        await self._compute_batch(loop, thread, [place])
            elif not places[0].asked.future.done():
                places[0].asked.future.set_exception(error)
        except Exception as error:  # whatever it is, those who wait are told, and the others served
            for asked in requests:
                if not asked.future.done():
                    asked.future.set_exception(error)
