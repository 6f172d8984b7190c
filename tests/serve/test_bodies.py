"""Bodies that are too large, too slow, too many, or whose sender goes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import Request
from starlette.types import Message

from serve.answering import unless_gone
from serve.bodies import Bodies
from serve.model import BODIES_IN_MEMORY, Limits
from serve.problems import ClientGoneError, ProblemError

LIMITS = Limits(max_body_bytes=100, timeout_seconds=0.05)
NEVER = 60.0  # seconds


def request_of(*chunks: bytes | float | None, headers: dict[str, str] | None = None) -> Request:
    """Return a request whose body comes in these chunks; a number waits, None goes away."""
    messages: list[Message | float] = [
        {"type": "http.disconnect"}
        if chunk is None
        else chunk
        if isinstance(chunk, float)
        else {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]
    left = iter(messages)

    async def receive() -> Message:
        message = next(left, NEVER)
        if isinstance(message, float):
            await asyncio.sleep(message)
            return await receive()
        return message

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": raw}
    return Request(scope, receive)


async def read(bodies: Bodies, request: Request) -> bytes:
    async with bodies.read(request) as body:
        return body


def problem_of(work: Callable[[], Awaitable[object]]) -> tuple[int, str]:
    async def run() -> None:
        await asyncio.wait_for(work(), 5)

    with pytest.raises(ProblemError) as raised:
        asyncio.run(run())
    return raised.value.status, raised.value.detail


def test_body_is_given_whole() -> None:
    assert asyncio.run(read(Bodies(LIMITS), request_of(b"a" * 60, b"b" * 40))) == (
        b"a" * 60 + b"b" * 40
    )


def test_length_that_is_too_large_is_refused_before_anything_is_read() -> None:
    request = request_of(NEVER, headers={"content-length": "101"})
    wanted = "the body is too large: wanted at most 100 bytes"
    assert problem_of(lambda: read(Bodies(LIMITS), request)) == (413, wanted)


def test_body_without_a_length_is_refused_where_it_becomes_too_large() -> None:
    request = request_of(b"a" * 60, b"b" * 41, NEVER)
    assert problem_of(lambda: read(Bodies(LIMITS), request))[0] == 413


def test_slow_body_is_408_and_closes_the_connection() -> None:
    async def slow() -> None:
        with pytest.raises(ProblemError) as raised:
            await read(Bodies(LIMITS), request_of(b"a", NEVER, b"b"))
        assert raised.value.headers == {"Connection": "close"}
        raise raised.value

    assert problem_of(slow) == (408, "the body did not arrive: wanted within 0.05 s")


def test_sender_that_goes_is_noticed() -> None:
    request = request_of(b"a", None)
    assert problem_of(lambda: read(Bodies(LIMITS), request))[0] == 499


def test_bodies_together_are_refused_while_they_are_held() -> None:
    async def crowd() -> bytes:
        bodies, all_held = Bodies(LIMITS), asyncio.Event()

        async def hold() -> None:
            async with bodies.read(request_of(b"a" * 100)):
                await all_held.wait()

        holding = [asyncio.create_task(hold()) for _ in range(BODIES_IN_MEMORY)]
        await asyncio.sleep(0.01)
        with pytest.raises(ProblemError, match="other requests hold 1,601 bytes") as raised:
            await read(bodies, request_of(b"b"))
        assert raised.value.status == 503
        all_held.set()
        await asyncio.gather(*holding)
        return await read(bodies, request_of(b"b"))

    assert asyncio.run(crowd()) == b"b"


def test_work_is_cancelled_when_the_client_goes() -> None:
    was_cancelled = False

    async def work() -> None:
        nonlocal was_cancelled
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            was_cancelled = True
            raise

    async def asked() -> None:
        with pytest.raises(ClientGoneError):
            await unless_gone(request_of(0.01, None), work())
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(asked(), 5))
    assert was_cancelled


def test_work_is_returned_when_the_client_stays() -> None:
    async def asked() -> str:
        return await unless_gone(request_of(NEVER), asyncio.sleep(0.01, "done"))

    assert asyncio.run(asyncio.wait_for(asked(), 5)) == "done"
