"""A client that sends whatever bytes it is told, and reads answers by the grammar of HTTP."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h11

SECONDS = 10.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        """What a problem says."""
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        return str(problem["detail"])


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield plain


def read_to_end(plain: socket.socket) -> bytes:
    """Return what comes until the server closes; it must."""
    content = bytearray()
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := plain.recv(1 << 16):
            content += part
    return bytes(content)


def replies_in(content: bytes, *methods: str) -> list[Reply]:
    """Return the answers to requests of these methods (GET, beyond them).

    Raises:
        h11.RemoteProtocolError: they are no HTTP.
    """
    wire = h11.Connection(h11.CLIENT)
    wire.receive_data(content)
    if content:
        wire.receive_data(b"")
    replies: list[Reply] = []
    asked = iter(methods)
    while wire.trailing_data[0]:
        wire.send(h11.Request(method=next(asked, "GET"), target="/", headers=[("host", "a")]))
        wire.send(h11.EndOfMessage())
        replies.append(_reply(wire))
        if wire.their_state is not h11.DONE:
            break
        wire.start_next_cycle()
    return replies


def _reply(wire: h11.Connection) -> Reply:
    while isinstance(head := wire.next_event(), h11.InformationalResponse):
        pass
    assert isinstance(head, h11.Response), head
    body = bytearray()
    while isinstance(event := wire.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage), event
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return Reply(head.status_code, headers, bytes(body))


def exchange(port: int, request: bytes) -> Reply:
    """Return the one answer to a request (of no HEAD) after which the server closes."""
    with connected(port) as plain:
        plain.sendall(request)
        (reply,) = replies_in(read_to_end(plain))
    return reply


def drip(plain: socket.socket, content: bytes, *, pause: float = 0.1) -> float:
    """Send a byte at a time until the server closes; return the seconds that it took."""
    start = time.monotonic()
    plain.settimeout(0)
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for place in range(len(content)):
            plain.send(content[place : place + 1])
            time.sleep(pause)
            with contextlib.suppress(BlockingIOError):
                if plain.recv(1, socket.MSG_PEEK) == b"":
                    break
                if place and has_answer_and_end(plain):
                    break
    plain.settimeout(SECONDS)
    return time.monotonic() - start


def has_answer_and_end(plain: socket.socket) -> bool:
    """Return whether the server has sent something and closed behind it."""
    import select

    poll = select.poll()
    poll.register(plain, select.POLLRDHUP)
    return bool(poll.poll(0))
