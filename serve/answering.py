"""From a request to its answer: body, pixels, place in a batch, classes."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response

from artifacts.environment import usable_cpus
from artifacts.logits import Images
from artifacts.prediction_records import Prediction
from data.images import MAX_PIXELS, TooManyPixelsError
from serve.batching import Batcher, Computed
from serve.bodies import Bodies
from serve.connections import Connections
from serve.decoding import body_kind, data_uri, decoded_images
from serve.model import Limits, ServedModel
from serve.problems import BusyError, ClientGoneError, ProblemError
from serve.records import Answer, AnsweredImage

MOST_DECODING_THREADS = 4
# An image of data.images.MAX_PIXELS takes a second and up to a gigabyte while it is converted, and
# may be 60 kB as a file. So images that are larger than this are converted one at a time, and few
# wait for that, which leaves threads and queue to the others.
LARGE_PIXELS = 1 << 22  # 4 million
MOST_LARGE = 4

Result = TypeVar("Result")


class Answering:
    """Answers requests for predictions.

    Args:
        served: what is asked.
        limits: that requests are held to.
        batcher: what computes.
        connections: that hold answers which were not read yet.
    """

    def __init__(
        self, served: ServedModel, limits: Limits, batcher: Batcher, connections: Connections
    ) -> None:
        self._served = served
        self._limits = limits
        self._batcher = batcher
        self._bodies = Bodies(limits)
        self._connections = connections
        self._decoding = self._large = 0
        self._threads = ThreadPoolExecutor(min(usable_cpus(), MOST_DECODING_THREADS), "decoding")
        self._large_thread = ThreadPoolExecutor(1, "decoding-large")

    def close(self) -> None:
        """End the threads."""
        for threads in (self._threads, self._large_thread):
            threads.shutdown(cancel_futures=True)

    async def answer(self, request: Request, top: int, with_seen: bool) -> Response:
        """Return the `top` classes of each image of a request, as an `Answer` in JSON.

        Raises:
            ProblemError: why there is none.
        """
        content_type = request.headers.get("content-type", "")
        body_kind(content_type)
        self._refuse_when_full()
        async with self._bodies.read(request) as body:
            self._refuse_when_full()  # others have come meanwhile
            work = self._answered(body, content_type, top, with_seen)
            try:
                async with asyncio.timeout(self._limits.timeout_seconds):
                    return await unless_gone(request, work)
            except TimeoutError:
                seconds = f"{self._limits.timeout_seconds:g} s"
                raise BusyError(f"there was no answer within {seconds}") from None

    def _refuse_when_full(self) -> None:
        """Refuse before anything is read or decoded what could not be queued then."""
        ahead = self._decoding + self._batcher.waiting
        if ahead >= self._limits.queue_size:
            raise BusyError(f"{ahead} images wait already, of at most {self._limits.queue_size}")
        unread_bytes = self._connections.unread_bytes
        if unread_bytes > self._limits.max_bytes_of_all_bodies:
            raise BusyError(f"{unread_bytes:,} bytes of answers wait to be read already")

    async def _answered(
        self, body: bytes, content_type: str, top: int, with_seen: bool
    ) -> Response:
        start = time.perf_counter()
        images, seen = await self._decoded(body, content_type, with_seen)
        decode_seconds = time.perf_counter() - start
        computed = await self._batcher.compute(images)
        answer = Answer(
            model=self._served.model,
            provider=self._served.provider,
            images=tuple(
                AnsweredImage(predictions=self._predictions(computed, index, top), seen=uri)
                for index, uri in enumerate(seen)
            ),
        )
        headers = {"Server-Timing": server_timing(decode_seconds, computed)}
        content = answer.model_dump_json(by_alias=True, exclude_none=True)
        return Response(content, headers=headers, media_type="application/json")

    async def _decoded(
        self, body: bytes, content_type: str, with_seen: bool
    ) -> tuple[Images, Sequence[str | None]]:
        def decode(most_pixels: int) -> tuple[Images, Sequence[str | None]]:
            images = decoded_images(
                body,
                content_type,
                self._served.image_shape,
                self._limits.queue_size,
                most_pixels=most_pixels,
            )
            return images, [data_uri(image) if with_seen else None for image in images]

        loop = asyncio.get_running_loop()
        self._decoding += 1
        try:
            return await loop.run_in_executor(self._threads, decode, LARGE_PIXELS)
        except TooManyPixelsError:
            with self._place_of_a_large_one():
                return await loop.run_in_executor(self._large_thread, decode, MAX_PIXELS)
        finally:
            self._decoding -= 1

    @contextlib.contextmanager
    def _place_of_a_large_one(self) -> Iterator[None]:
        if self._large >= MOST_LARGE:
            raise BusyError(f"{self._large} large images wait already, of at most {MOST_LARGE}")
        self._large += 1
        try:
            yield
        except TooManyPixelsError as error:
            raise ProblemError(422, str(error)) from error
        finally:
            self._large -= 1

    def _predictions(self, computed: Computed, index: int, top: int) -> tuple[Prediction, ...]:
        ranking = computed.rankings[index]
        if ranking is None:
            which = f"image {index + 1} of {len(computed.rankings)}"
            raise ProblemError(500, f"the network's answer to {which} is not finite")
        return ranking.predictions(self._served.classes, top)


async def unless_gone(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """Return what the work returns; cancel it when the client goes. The body has been read.

    Raises:
        ClientGoneError: the client went first.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())  # after the body only this can come
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGoneError
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


def server_timing(decode_seconds: float, computed: Computed) -> str:
    """Return the header of that name (W3C Server Timing): milliseconds of each step."""
    largest = max(computed.batches)
    batches = f"batch of {largest}"
    if len(computed.batches) > 1:
        batches = f"{len(computed.batches)} batches of up to {largest}"
    queue_seconds = computed.seconds - computed.compute_seconds
    return (
        f"decode;dur={1000 * decode_seconds:.3f}, queue;dur={1000 * queue_seconds:.3f},"
        f' compute;dur={1000 * computed.compute_seconds:.3f};desc="{batches}"'
    )
