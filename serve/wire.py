"""The grammar of HTTP/1.1 on one connection, as h11 knows it, and two things that h11 leaves open.

h11 is written in Python and handles each chunk of a body by itself, so chunks of one byte would
take all of the event loop's time. And it knows which status a broken request deserves, but uvicorn
does not ask it.
"""

import h11

MOST_HEADER_BYTES = 16 << 10  # h11 stops at as many that have not ended; serve.watching at others
# Of a body of tiny chunks: so many, and then one for each of so many bytes.
FREE_CHUNKS, BYTES_A_CHUNK = 2048, 256
_WORDS = {
    400: "this is no HTTP/1.1 request",
    431: f"the headers are too large: wanted at most {MOST_HEADER_BYTES:,} bytes",
    501: "wanted no other transfer encoding than chunked",
    505: "wanted HTTP/1.1 or HTTP/1.0",
}


class Wire(h11.Connection):
    """h11's state of a connection, seen from the server.

    Attributes:
        refusal: what a request that broke the grammar is answered: a status, and why.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MOST_HEADER_BYTES)
        self.refusal = (400, _WORDS[400])
        self._chunks = self._body_bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return what came next.

        Raises:
            h11.RemoteProtocolError: it is no HTTP, or a body of too many chunks; `refusal` says so.
        """
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self._note(error.error_status_hint)
            raise
        if isinstance(event, h11.Request):
            self._chunks = self._body_bytes = 0
            if event.http_version not in (b"1.0", b"1.1"):
                self._note(505)
                raise h11.RemoteProtocolError(self.refusal[1])
        elif isinstance(event, h11.Data):
            self._note_data(event)
        return event

    def _note(self, status: int) -> None:
        self.refusal = (status, _WORDS.get(status, _WORDS[400]))

    def _note_data(self, data: h11.Data) -> None:
        self._chunks += data.chunk_start
        self._body_bytes += len(data.data)
        most = FREE_CHUNKS + self._body_bytes // BYTES_A_CHUNK
        if self._chunks > most:
            found = f"{self._chunks:,} for {self._body_bytes:,} bytes"
            self.refusal = (400, f"the body comes in too many chunks: {found}")
            raise h11.RemoteProtocolError(self.refusal[1])
