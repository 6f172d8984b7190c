"""Clients that ask a server on this machine for predictions, as cheaply as Python can.

The client shares the CPUs with the server, and what it takes is missing there. So each connection
sends a request that was written out beforehand and looks only at the status and the length of the
answer.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

HOST = "127.0.0.1"
LONGEST_SECONDS = 120.0
MOST_CLIENTS = 256


@dataclass(kw_only=True)
class Load:
    """What became of the requests of one load."""

    clients: int
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)  # of connections

    @property
    def errors(self) -> int:
        """Requests without an answer of status 200."""
        return self.failures.total() + self.statuses.total() - self.statuses[200]

    def summary(self) -> dict[str, object]:
        """Return what a result file says of it."""
        p50, p99 = np.percentile(self.latencies_ms, [50, 99]) if self.latencies_ms else (0.0, 0.0)
        return {
            "clients": self.clients,
            "seconds": round(self.seconds, 2),
            "requests": self.statuses.total(),
            "errors": self.errors,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "failures": dict(self.failures),
            "requests_per_second": round(self.statuses[200] / self.seconds, 1),
            "p50_ms": round(float(p50), 3),
            "p99_ms": round(float(p99), 3),
        }


def post(body: bytes, content_type: str, target: str = "/v1/predict?top=1") -> bytes:
    """Return a whole HTTP request, ready to be sent."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load_of(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Return what clients get that each send one request after another, for so long.

    Args:
        port: on this machine.
        requests: that are sent in turn.
        clients: each with a connection of its own.
        seconds: after which nobody sends another one.
    """
    assert 1 <= clients <= MOST_CLIENTS
    assert seconds <= LONGEST_SECONDS
    return asyncio.run(_load(port, requests, clients, seconds))


async def _load(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    load, endless = Load(clients=clients), itertools.cycle(requests)
    start = time.perf_counter()

    async def client() -> None:
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
            while (sent := time.perf_counter()) < start + seconds:
                writer.write(next(endless))
                status, _ = await read_response(reader)
                load.latencies_ms.append(1000 * (time.perf_counter() - sent))
                load.statuses[status] += 1
            writer.close()
        except (OSError, EOFError) as error:
            load.failures[type(error).__name__] += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    load.seconds = time.perf_counter() - start
    return load


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of one response."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)
