"""Bodies of requests, held to a size each, to a time each, and to a size all together."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.requests import ClientDisconnect

from serve.model import Limits
from serve.problems import BusyError, ClientGoneError, ProblemError


class Bodies:
    """Reads bodies into memory, and knows how much of it they take.

    Args:
        limits: that they are held to.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes_held = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Give the body of a request; it counts as held until the block ends.

        Raises:
            ProblemError: it is too large (413) or too slow (408); all bodies together are too
                large (503); the client has gone.
        """
        self._refuse_large(request.headers.get("content-length"))
        content = io.BytesIO()  # a list of chunks would be many times as large as chunks of a byte
        size = 0
        try:
            try:
                async with asyncio.timeout(self._limits.timeout_seconds):
                    async for chunk in request.stream():
                        size += len(chunk)
                        self._bytes_held += len(chunk)
                        content.write(chunk)
                        self._refuse_large(size)
                        self._refuse_crowd()
            except TimeoutError:
                wanted = f"wanted within {self._limits.timeout_seconds:g} s"
                raise ProblemError(
                    408, f"the body did not arrive: {wanted}", {"Connection": "close"}
                ) from None
            except ClientDisconnect:
                raise ClientGoneError from None
            yield content.getvalue()
        finally:
            self._bytes_held -= size

    def _refuse_large(self, size: int | str | None) -> None:
        if size is None or int(size) <= self._limits.max_body_bytes:
            return
        raise ProblemError(
            413, f"the body is too large: wanted at most {self._limits.max_body_bytes:,} bytes"
        )

    def _refuse_crowd(self) -> None:
        if self._bytes_held > self._limits.max_bytes_of_all_bodies:
            raise BusyError(f"other requests hold {self._bytes_held:,} bytes already")
