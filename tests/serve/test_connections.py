"""One client at a time that is slow, silent, greedy or wrong: what it is told, and when it goes."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from serve.wire import FREE_CHUNKS, MOST_HEADER_BYTES
from tests.serve.raw_client import connected, drip, exchange, read_to_end, replies_in
from tests.serve.stub_server import StubServer, running_stub

TIMEOUT = 1.0
BUSY_SECONDS = 8.0  # that a machine may be busy with other things, and not answer
POST = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
LAST = b"Connection: close\r\n\r\n"
LARGE_FILE = b"GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[StubServer]:
    with running_stub(timeout_seconds=TIMEOUT, max_body_bytes=100_000) as server:
        yield server
        assert server.process.poll() is None
        _, errors = server.stopped(signal.SIGTERM)
        assert "Traceback" not in errors


def is_in_time(seconds: float) -> bool:
    # Less than the timeout where this process was late to read its clock.
    return 0.8 * TIMEOUT <= seconds < TIMEOUT + BUSY_SECONDS


def cut(server: StubServer, why: str) -> float:
    return server.metric(f'onnxproof_connections_cut_total{{why="{why}"}}')


def test_slow_head_is_408(server: StubServer) -> None:
    with connected(server.port) as plain:
        seconds = drip(plain, GET + b"a: b\r\n" * 100)
        (reply,) = replies_in(read_to_end(plain))
    assert (reply.status, reply.detail) == (408, "the head did not arrive: wanted within 1 s")
    assert is_in_time(seconds)
    assert cut(server, "head too slow") == 1


def test_slow_second_head_is_408_too(server: StubServer) -> None:
    with connected(server.port) as plain:
        plain.sendall(GET + b"\r\n")
        assert is_in_time(drip(plain, GET * 10))
        replies = replies_in(read_to_end(plain))
    assert [reply.status for reply in replies] == [200, 408]


def test_who_says_nothing_is_left_without_a_word(server: StubServer) -> None:
    with connected(server.port) as plain:
        start = time.monotonic()
        assert read_to_end(plain) == b""
        assert is_in_time(time.monotonic() - start)


@pytest.mark.parametrize("how", [b"Content-Length: 90", b"Transfer-Encoding: chunked"])
def test_slow_body_is_408(server: StubServer, how: bytes) -> None:
    with connected(server.port) as plain:
        plain.sendall(POST + how + b"\r\n\r\n")
        seconds = drip(plain, b"40\r\n" + b"x" * 60)
        (reply,) = replies_in(read_to_end(plain), "POST")
    assert (reply.status, reply.detail) == (408, "the body did not arrive: wanted within 1 s")
    assert is_in_time(seconds)


@pytest.mark.parametrize("head", [GET, POST])
def test_body_that_nobody_needs_is_not_waited_for(server: StubServer, head: bytes) -> None:
    before = cut(server, "body not needed")
    with connected(server.port) as plain:
        plain.sendall(head + b"Content-Length: 9999999999\r\n\r\n")
        assert is_in_time(drip(plain, b"x" * 100))
        (reply,) = replies_in(read_to_end(plain))
    assert reply.status == (200 if head is GET else 413)
    assert cut(server, "body not needed") == before + 1


def test_length_that_lies_is_no_answer_for_long(server: StubServer) -> None:
    with connected(server.port) as plain:  # more than it said: the next request, which is none
        plain.sendall(POST + b"Content-Length: 3\r\n\r\nxxxyyy\r\n\r\n")
        first, second = replies_in(read_to_end(plain), "POST")
    assert (first.status, second.status) == (422, 400)
    with connected(server.port) as plain:  # less, and then the end
        plain.sendall(POST + b"Content-Length: 30\r\n\r\nxxx")
        plain.shutdown(socket.SHUT_WR)
        assert read_to_end(plain) == b""


def test_answers_that_are_not_read_are_given_up(server: StubServer) -> None:
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", server.port))
        plain.sendall(LARGE_FILE * 20)  # more than the kernel holds
        start = time.monotonic()
        while cut(server, "answer not read") < 1:
            assert time.monotonic() - start < 5 * TIMEOUT
            time.sleep(0.05)
    assert time.monotonic() - start >= TIMEOUT


def test_who_reads_slowly_gets_the_whole_answer(server: StubServer) -> None:
    before = cut(server, "answer not read")
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        plain.connect(("127.0.0.1", server.port))
        plain.sendall(LARGE_FILE * 2 + GET + LAST)
        content = bytearray()
        start = time.monotonic()
        while part := plain.recv(40_000):
            content += part
            time.sleep(0.03)
    assert time.monotonic() - start > 1.5 * TIMEOUT
    assert [reply.status for reply in replies_in(bytes(content))] == [200] * 3
    assert cut(server, "answer not read") == before


def chunks(count: int, size: int = 1) -> bytes:
    return b"%x\r\n%b\r\n" % (size, b"x" * size) * count + b"0\r\n\r\n"


def test_body_of_tiny_chunks_is_refused_before_it_takes_long(server: StubServer) -> None:
    head = POST + b"Transfer-Encoding: chunked\r\n"
    assert exchange(server.port, head + LAST + chunks(FREE_CHUNKS)).status == 422
    with connected(server.port) as plain:
        plain.sendall(head + b"\r\n" + chunks(FREE_CHUNKS + 100))
        (reply,) = replies_in(read_to_end(plain), "POST")
    assert reply.status == 400
    assert reply.detail == "the body comes in too many chunks: 2,057 for 2,057 bytes"
    assert exchange(server.port, head + LAST + chunks(300, 256)).status == 422


@pytest.mark.parametrize(
    "headers",
    [
        b"A: " + b"a" * MOST_HEADER_BYTES + b"\r\n\r\n",
        b"A: " + b"a" * MOST_HEADER_BYTES,
        b"a:\r\n" * (MOST_HEADER_BYTES // 4) + b"\r\n",
        b"a:\r\n" * 100_000 + b"\r\n",
    ],
)
def test_too_many_headers_are_431(server: StubServer, headers: bytes) -> None:
    with connected(server.port) as plain:
        plain.sendall(GET + b"Connection: close\r\n" + headers)
        (reply,) = replies_in(read_to_end(plain))
    assert reply.status == 431
    assert reply.detail == "the headers are too large: wanted at most 16,384 bytes"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n", 400),  # TLS
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (POST + b"Content-Length: x\r\n\r\n", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n" + LAST, 404),
        (b"DELETE /healthz HTTP/1.1\r\nHost: localhost\r\n" + LAST, 405),
    ],
)
def test_what_is_no_request_gets_its_status_and_an_end(
    server: StubServer, request_bytes: bytes, status: int
) -> None:
    reply = exchange(server.port, request_bytes)
    assert reply.status == status
    assert reply.detail
    assert reply.headers["connection"] == "close"
    assert server.is_well() < TIMEOUT


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/static-offline-docs/../../../../etc/passwd",
        "/static-offline-docs/..%2f..%2f..%2fcore.py",
        "/static-offline-docs/%2e%2e/%2e%2e/core.py",
        "/static-offline-docs//etc/passwd",
        "/static-offline-docs/%5c..%5c..%5ccore.py",
        "/static-offline-docs/" + "a" * 5000,
        "/static-offline-docs/",
        "/page.css/../../app.py",
        "/page.css%00.png",
        "/static-offline-docs/swagger-ui.css%00",
        "/static-offline-docs/%ff%fe",
        "http://127.0.0.1/etc/passwd",
        "*",
    ],
)
def test_path_that_is_none_of_the_server_s_is_refused(server: StubServer, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + LAST
    reply = exchange(server.port, request)
    assert reply.status == (400 if "%00" in path else 404)
    assert reply.detail


def test_pipelined_requests_are_answered_in_order(server: StubServer) -> None:
    with connected(server.port) as plain:
        plain.sendall((GET + b"\r\n" + GET.replace(b"healthz", b"gone") + b"\r\n") * 300)
        plain.sendall(GET + LAST)
        replies = replies_in(read_to_end(plain))
    assert [reply.status for reply in replies] == [200, 404] * 300 + [200]


def test_signal_ends_it_in_time_whatever_clients_do() -> None:
    with running_stub(timeout_seconds=TIMEOUT) as server, ExitStack() as stack:
        for begun in (
            b"",
            GET[:20],
            POST + b"Content-Length: 100\r\n\r\nx",
            POST + b"Transfer-Encoding: chunked\r\n\r\n",
            GET + b"Content-Length: 100\r\n\r\n",
            LARGE_FILE * 20,
        ):
            plain = stack.enter_context(connected(server.port))
            plain.sendall(begun)
        while server.metric("onnxproof_connections") < 7:  # with this one
            time.sleep(0.01)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(timeout=30)
        # Twice the time for bodies and answers, and a second, as `serve.running` says.
        assert time.monotonic() - start < 2 * TIMEOUT + 1 + BUSY_SECONDS
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()
    assert code == -signal.SIGTERM
