"""Connections, and what their other sides owe: the rest of a request, or to read an answer.

uvicorn waits for ever for a head, for what is left of a body whose answer is sent, and for a client
that does not read. Here each of these has a deadline. And there is a limit on connections: where it
is reached, whoever has kept the server waiting longest gives way, so that a thousand clients that
say nothing keep nobody out who does.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from serve.model import Limits
from serve.problems import BusyError, problem_response
from serve.wire import MOST_HEADER_BYTES, Wire

MOST_CONNECTIONS = 1000
# Slower readers are taken for those who do not read; a modem of 1998 reads 7,000.
LEAST_BYTES_READ_A_SECOND = 2048

Owed = Literal["head", "body", "rest of the body", "reading"]
Cut = Literal["head too slow", "body not needed", "answer not read", "gave way", "no HTTP"]


class Connections:
    """All that are open.

    Args:
        limits: of which the time that may be waited is taken.
        on_cut: is told why one was closed that its client had not ended.
    """

    def __init__(self, limits: Limits, on_cut: Callable[[Cut], None]) -> None:
        self.most = MOST_CONNECTIONS
        self.seconds = limits.timeout_seconds
        self.on_cut = on_cut
        self._open: set[Connection] = set()
        self._waited_for: dict[Connection, None] = {}  # the longest first

    def __len__(self) -> int:
        return len(self._open)

    @property
    def unread_bytes(self) -> int:
        """Of answers that were not read yet, and lie in this process's memory."""
        return sum(connection.unread_bytes for connection in self._waited_for)

    def add(self, connection: "Connection") -> None:
        """Take one more; at the limit another one, or else this one, is closed."""
        self._open.add(connection)
        if len(self._open) > self.most:
            next(iter(self._waited_for), connection).give_way()

    def wait_for(self, connection: "Connection", *, waits: bool) -> None:
        """Note that from now on its other side owes something, or that it owes nothing."""
        self._waited_for.pop(connection, None)
        if waits and connection in self._open:
            self._waited_for[connection] = None

    def drop(self, connection: "Connection") -> None:
        """Forget one that is closed, or about to be."""
        self._open.discard(connection)
        self._waited_for.pop(connection, None)


class Connection(H11Protocol):
    """uvicorn's, with deadlines.

    Args:
        connections: all of them.
        options: uvicorn's own.
    """

    conn: Wire

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self.conn = Wire()
        self._connections = connections
        self._owed: tuple[Owed, object] | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._is_unread = False
        self._unread_before = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # pausing means: something is unread
        self._connections.add(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._is_unread = False
        self._connections.drop(self)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes, in pieces: h11 measures a head only where it has not ended."""
        for start in range(0, len(data), MOST_HEADER_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + MOST_HEADER_BYTES])

    def handle_events(self) -> None:
        """Act on what came."""
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        """Go on to what the client asks next."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Note that an answer is not read as fast as it is written."""
        super().pause_writing()
        self._is_unread = True
        self._watch()

    def resume_writing(self) -> None:
        """Note that all was read."""
        super().resume_writing()
        self._is_unread = False
        self._watch()

    def shutdown(self) -> None:
        """End as soon as what was accepted is answered."""
        if not self.transport.is_closing():
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what h11 refuses, by the status that it deserves."""
        self._connections.on_cut("no HTTP")
        self._refuse(*self.conn.refusal)

    @property
    def unread_bytes(self) -> int:
        """How much of its answer waits in memory."""
        return self.transport.get_write_buffer_size() if self._is_unread else 0

    def give_way(self) -> None:
        """Close, because there are too many."""
        self._connections.on_cut("gave way")
        if self._is_unread:
            self.transport.abort()
        elif self._has_begun():
            busy = BusyError(
                f"{self._connections.most:,} connections are open, the most there may be"
            )
            self._refuse(busy.status, busy.detail, busy.headers)
        else:
            self.transport.close()
        self._connections.drop(self)

    def _watch(self) -> None:
        """Start the clock when the other side begins to owe something else; stop it when nothing.

        It is not started again by a byte that comes.
        """
        what = self._what_is_owed()
        owed = None if what is None else (what, self.cycle)  # of which request
        if owed == self._owed:
            return
        self._owed = owed
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._connections.wait_for(self, waits=owed is not None)
        if what is not None and what != "body":  # whose time serve.bodies knows
            self._unread_before = self.unread_bytes
            self._clock = self.loop.call_later(self._connections.seconds, self._give_up, what)

    def _what_is_owed(self) -> Owed | None:
        if self._is_unread:
            return "reading"
        if self.transport.is_closing():
            return None
        if self.conn.their_state is h11.IDLE:
            return "head"
        if self.conn.their_state is h11.SEND_BODY:
            return "rest of the body" if self.conn.our_state is h11.DONE else "body"
        return None

    def _give_up(self, what: Owed) -> None:
        if what == "reading":
            self._end_unless_read()
            return
        if what == "head" and self._has_begun():
            self._connections.on_cut("head too slow")
            seconds = f"{self._connections.seconds:g} s"
            self._refuse(408, f"the head did not arrive: wanted within {seconds}")
            return
        if what == "rest of the body":
            self._connections.on_cut("body not needed")
        self.transport.close()

    def _end_unless_read(self) -> None:
        seconds = self._connections.seconds
        read = self._unread_before - self.unread_bytes
        if read < LEAST_BYTES_READ_A_SECOND * seconds:
            self._connections.on_cut("answer not read")
            self.transport.abort()  # closing would wait until it was read
            return
        self._unread_before = self.unread_bytes
        self._clock = self.loop.call_later(seconds, self._end_unless_read)

    def _has_begun(self) -> bool:
        """Return whether there is a part of a request."""
        return self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])

    def _refuse(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """Answer what is no whole request, and close."""
        # None before the first request, whatever uvicorn's type says.
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
        is_head = False
        if cycle is not None and not cycle.response_complete:  # what the app still sends is lost
            is_head = cycle.scope["method"] == "HEAD"
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = problem_response(status, detail, headers)
            head = h11.Response(
                status_code=status,
                headers=[
                    *self.server_state.default_headers,
                    *response.raw_headers,
                    (b"connection", b"close"),
                ],
                reason=HTTPStatus(status).phrase.encode(),
            )
            self._send(head)
            self._send(h11.Data(data=b"" if is_head else bytes(response.body)))
            self._send(h11.EndOfMessage())
        self.transport.close()

    def _send(self, event: h11.Event) -> None:
        content = self.conn.send(event)
        if content:
            self.transport.write(content)
