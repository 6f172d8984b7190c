"""Hostile clients, sent to the server that people write in ten lines: FastAPI, uvicorn, Pillow."""

import asyncio
import contextlib
import io
import json
import resource
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.faults.fault import Fault

POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
PATIENCE_SECONDS = 12.0  # longer than any of onnxproof's deadlines


def _app() -> Any:
    import numpy as np
    from fastapi import FastAPI, Request
    from PIL import Image

    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        body = await request.body()
        if request.headers["content-type"] == "application/json":
            pixels = np.array(json.loads(body)["pixels"])
        else:
            pixels = np.asarray(Image.open(io.BytesIO(body)).convert("L").resize((28, 28)))
        return {"shape": pixels.shape}

    @app.get("/large")
    async def large() -> dict[str, str]:
        return {"pixels": "x" * (16 << 20)}

    return app


@contextlib.contextmanager
def _served() -> Iterator[int]:
    """Give the port of a bare server, which runs in a thread."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(uvicorn.Config(_app(), log_level="critical", http="h11"))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield int(listener.getsockname()[1])


@contextlib.contextmanager
def _connected(port: int, content: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as plain:
        plain.sendall(content)
        yield plain


def _status(port: int, request: bytes) -> str:
    with _connected(port, request) as plain:
        return plain.recv(1 << 16).split(b"\r\n")[0].decode() or "closes without a word"


def _waited_for(port: int, begun: bytes, drop: bytes = b"") -> str:
    """Return for how long the server keeps a client that goes on a byte a second."""
    start = time.monotonic()
    with _connected(port, begun) as plain:
        plain.settimeout(1)
        while time.monotonic() - start < PATIENCE_SECONDS:
            with contextlib.suppress(TimeoutError):
                if not plain.recv(1 << 16):
                    return f"closes after {time.monotonic() - start:.0f} s"
            if drop:
                plain.sendall(drop)
    return f"waits longer than {PATIENCE_SECONDS:.0f} s"


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _grown_mb(action: Callable[[], object]) -> int:
    before = _peak_mb()
    action()
    return _peak_mb() - before


def slow_head(directory: str) -> str:
    """Send a head a byte a second."""
    with _served() as port:
        return _waited_for(port, b"GET / HTTP/1.1\r\nHost: ", b"a")


def silence(directory: str) -> str:
    """Connect, and say nothing."""
    with _served() as port:
        return _waited_for(port, b"")


def slow_body(directory: str) -> str:
    """Send a body a byte a second."""
    with _served() as port:
        return _waited_for(port, POST + b"Content-Length: 1000\r\n\r\n", b"x")


def answer_not_read(directory: str) -> str:
    """Ask ten times for 16 MB, and read nothing."""
    with _served() as port:

        def ask() -> None:
            with contextlib.ExitStack() as stack:
                for _ in range(10):
                    request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    stack.enter_context(_connected(port, request))
                time.sleep(PATIENCE_SECONDS)

        return f"holds {_grown_mb(ask)} MB longer than {PATIENCE_SECONDS:.0f} s"


def endless_body(directory: str) -> str:
    """Send 1 GB as an image."""
    with _served() as port:

        def send() -> None:
            with _connected(port, POST + b"Content-Length: 1000000000\r\n\r\n") as plain:
                for _ in range(1000):
                    plain.sendall(bytes(1_000_000))
                plain.recv(1 << 16)

        return f"reads it, and takes {_grown_mb(send)} MB"


def chunks_of_a_byte(directory: str) -> str:
    """Ask while ten others send bodies of 200,000 chunks of a byte each."""
    body = b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"
    with _served() as port:

        def attack() -> None:
            with contextlib.suppress(OSError):
                _status(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)

        attackers = [threading.Thread(target=attack, daemon=True) for _ in range(10)]
        for attacker in attackers:
            attacker.start()
        time.sleep(0.5)
        start = time.monotonic()
        _status(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return f"answers others after {time.monotonic() - start:.1f} s"


def a_thousand_connections(directory: str) -> str:
    """Connect a thousand times to a server that may have 1,024 files, as is usual, and then ask."""
    with _served() as port:
        attackers: list[socket.socket] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))  # both sides are in this process
        with contextlib.suppress(OSError):
            while len(attackers) < 1024:
                attackers.append(socket.create_connection(("127.0.0.1", port), timeout=5))
        attackers.pop().close()
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                return plain.recv(100).split(b"\r\n")[0].decode() or "closes without a word"
            except TimeoutError:
                return f"answers nobody for longer than {PATIENCE_SECONDS:.0f} s"


def _png(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _posted(content_type: bytes, body: bytes) -> bytes:
    head = POST.replace(b"image/png", content_type)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def image_bomb(directory: str) -> str:
    """Send a PNG of 160 kB that has 169 million pixels; ask meanwhile."""
    image = _png(13_000)
    with _served() as port:
        waited: list[float] = []

        def send() -> None:
            attacker = threading.Thread(target=_status, args=(port, _posted(b"image/png", image)))
            attacker.start()
            time.sleep(0.2)
            start = time.monotonic()
            _status(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            waited.append(time.monotonic() - start)
            attacker.join()

        grown = _grown_mb(send)
        return f"takes {grown} MB for {len(image) >> 10} kB; others wait {waited[0]:.1f} s"


def huge_image(directory: str) -> str:
    """Send a PNG that declares 60,000 x 60,000 pixels."""
    image = bytearray(_png(1))
    image[16:24] = struct.pack(">II", 60_000, 60_000)
    image[29:33] = struct.pack(">I", zlib.crc32(image[12:29]))
    with _served() as port:
        return _status(port, _posted(b"image/png", bytes(image)))


def json_that_unpacks(directory: str) -> str:
    """Send 16 MB of empty lists."""
    body = b'{"pixels": [' + b"[]," * 5_300_000 + b"[]]}"
    with _served() as port:
        found: list[str] = []
        grown = _grown_mb(lambda: found.append(_status(port, _posted(b"application/json", body))))
        return f"takes {grown} MB; {found[0]}"


def other_host(directory: str) -> str:
    """Ask a server of this machine for a stranger's name, as after DNS rebinding."""
    with _served() as port:
        return _status(port, b"GET /openapi.json HTTP/1.1\r\nHost: evil.example\r\n\r\n")


_CONNECTIONS = "tests/serve/test_connections.py"
_ATTACKS = "tests/serve/test_attacks.py"
_LIBRARY = "uvicorn"

SERVER_FAULTS = tuple(
    Fault(area="server", name=name, raw=raw, library=library, ours=ours, test=test)
    for name, raw, library, ours, test in (
        (
            "a head that comes a byte a second",
            slow_head,
            _LIBRARY,
            "408 after --timeout",
            f"{_CONNECTIONS}::test_slow_head_is_408",
        ),
        (
            "a connection that says nothing",
            silence,
            _LIBRARY,
            "closed after --timeout",
            f"{_CONNECTIONS}::test_who_says_nothing_is_left_without_a_word",
        ),
        (
            "a body that comes a byte a second",
            slow_body,
            "await request.body()",
            "408 after --timeout",
            f"{_CONNECTIONS}::test_slow_body_is_408",
        ),
        (
            "ten answers of 16 MB that are not read",
            answer_not_read,
            _LIBRARY,
            "given up after --timeout without 2 kB a second; 503 where 256 MB wait to be read",
            f"{_CONNECTIONS}::test_answers_that_are_not_read_are_given_up",
        ),
        (
            "a body of 1 GB",
            endless_body,
            "await request.body()",
            "413 before it is read; all bodies together 256 MB at most, then 503",
            f"{_ATTACKS}::test_bodies_that_wait_are_bounded_together",
        ),
        (
            "bodies of 200,000 chunks of a byte",
            chunks_of_a_byte,
            "uvicorn, h11",
            "400 after 2,048 chunks that are smaller than 256 bytes",
            f"{_CONNECTIONS}::test_body_of_tiny_chunks_is_refused_before_it_takes_long",
        ),
        (
            "a thousand connections that say nothing",
            a_thousand_connections,
            _LIBRARY,
            "whoever was waited for longest gives way; others are answered as usual",
            f"{_ATTACKS}::test_more_connections_than_allowed_keep_nobody_out",
        ),
        (
            "a PNG of 169 million pixels in 160 kB",
            image_bomb,
            "PIL.Image.open().convert()",
            "422: at most 67 million; above 4 million one at a time, 5 wait, then 503",
            f"{_ATTACKS}::test_images_as_large_as_allowed_are_decoded_one_at_a_time",
        ),
        (
            "an image request that declares 60,000 x 60,000 pixels",
            huge_image,
            "PIL.Image.open()",
            "422 before it is decoded",
            f"{_ATTACKS}::test_image_that_declares_too_much_is_422_at_once",
        ),
        (
            "JSON of 16 MB that holds empty lists",
            json_that_unpacks,
            "json.loads, numpy.array",
            "413: longer than so many pixels can be",
            "tests/serve/test_decoding.py::test_json_longer_than_its_pixels_can_be_is_413",
        ),
        (
            "a stranger's name that leads to this machine",
            other_host,
            _LIBRARY,
            "421; --allow-host names more",
            "tests/serve/test_hosts.py::test_other_names_are_421_on_a_server_for_this_machine",
        ),
    )
)
