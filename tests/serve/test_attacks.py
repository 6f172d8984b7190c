"""Many hostile clients at once: memory stays bounded, and an honest one is answered meanwhile."""

import contextlib
import resource
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from serve.connections import MOST_CONNECTIONS
from tests.serve.raw_client import connected, read_to_end, replies_in
from tests.serve.stub_server import StubServer, running_stub
from tests.serve.test_connections import POST
from tests.serve.test_decoding import FORM, form_of

USUAL_SECONDS = 2.0  # milliseconds where the machine is free; here attackers and tests share it


@pytest.fixture
def server() -> Iterator[StubServer]:
    with running_stub(timeout_seconds=3.0, max_body_bytes=4_000_000) as server:
        server.is_well()
        yield server
        assert server.process.poll() is None


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may have as many connections open as the attack needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + 1024
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: loc", POST + b"Content-Length: 1000\r\n\r\nx"]
)
def test_more_connections_than_allowed_keep_nobody_out(server: StubServer, begun: bytes) -> None:
    before_mb = server.rss_mb()
    with ExitStack() as stack:
        attackers = []
        for _ in range(MOST_CONNECTIONS + 100):
            attackers.append(stack.enter_context(connected(server.port)))
            attackers[-1].sendall(begun)
        assert max(server.is_well() for _ in range(10)) < USUAL_SECONDS
        assert server.metric("onnxproof_connections") <= MOST_CONNECTIONS
        assert server.metric('onnxproof_connections_cut_total{why="gave way"}') >= 100
        assert server.rss_mb() - before_mb < 100
        # Those that had begun to ask are told; the others see that it is over.
        replies = replies_in(read_to_end(attackers[0]), "POST")
        assert [reply.status for reply in replies] == ([503] if begun else [])
        if begun:
            assert replies[0].headers["retry-after"] == "1"
            assert "connections are open" in replies[0].detail


def test_bodies_that_wait_are_bounded_together(server: StubServer) -> None:
    before_mb = server.rss_mb()
    statuses: list[int] = []

    def hold(_: int) -> None:
        with connected(server.port) as plain:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                plain.sendall(POST + b"Content-Length: 4000000\r\n\r\n" + b"x" * 3_900_000)
            statuses.extend(reply.status for reply in replies_in(read_to_end(plain), "POST"))

    with ThreadPoolExecutor(60) as threads:
        holding = threads.map(hold, range(60))
        time.sleep(1)
        assert server.predict(b"?", "text/plain")[0] == 415  # whose body is not needed
        # 16 bodies, once more while they are joined, and what lies in transports.
        assert server.rss_mb() - before_mb < 2 * 16 * 4 + 60
        list(holding)
    assert set(statuses) == {503, 408}
    assert statuses.count(408) <= 16
    assert server.is_well() < USUAL_SECONDS


def png(width: int, height: int, pixels: bytes | None = None) -> bytes:
    """Return a PNG of grey pixels, all black unless given (packed, with filter bytes)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes((width + 1) * height)) if pixels is None else pixels
    parts = chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(width: int, height: int) -> bytes:
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (278, height))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4)


BOMBS = {
    "PNG": png(60_000, 60_000, b""),
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b";",
    "TIFF": tiff(60_000, 60_000),
    "BMP": b"BM" + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, 60_000, 60_000, 1, 8, *[0] * 6),
    "WEBP": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\x5f\xea\0" * 2,
    "PPM": b"P5 60000 60000 255\n",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_image_that_declares_too_much_is_422_at_once(server: StubServer, kind: str) -> None:
    before_mb = server.rss_mb()
    status, problem = server.predict(BOMBS[kind], "image/png")
    assert status == 422
    assert problem["detail"].startswith("body: ")
    assert server.rss_mb() - before_mb < 20


@contextlib.contextmanager
def repeated(attack: Callable[[], None], threads: int) -> Iterator[None]:
    """Attack again and again in so many threads while the block lasts."""
    end = threading.Event()

    def attacks() -> None:
        while not end.is_set():
            attack()

    attackers = [threading.Thread(target=attacks) for _ in range(threads)]
    for attacker in attackers:
        attacker.start()
    try:
        yield
    finally:
        end.set()
        for attacker in attackers:
            attacker.join()


def test_images_as_large_as_allowed_are_decoded_one_at_a_time(server: StubServer) -> None:
    before_mb = server.rss_mb()
    large = png(8192, 8192)  # 65 kB
    statuses: list[int] = []

    def attack() -> None:
        statuses.append(server.predict(large, "image/png")[0])

    honest, most_mb = [], 0
    with repeated(attack, threads=12):
        for _ in range(30):
            honest.append(server.is_well())
            most_mb = max(most_mb, server.rss_mb())
            time.sleep(0.05)
    assert max(honest) < USUAL_SECONDS
    # A grey image of 67 million pixels takes 67 MB, and its copies.
    assert most_mb - before_mb < 400
    assert set(statuses) <= {200, 503}
    assert 503 in statuses


def test_form_of_many_large_images_is_not_worked_off(server: StubServer) -> None:
    body = form_of(*[png(8192, 8192)] * 50)
    start = time.perf_counter()
    status, problem = server.predict(body, FORM)
    assert status == 422
    assert problem["detail"].startswith("file 2 of 50: is too large, wanted at most 0 pixels")
    assert time.perf_counter() - start < 2 * USUAL_SECONDS
