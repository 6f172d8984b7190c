"""Requests with flipped bits, cut off, with parts missing or doubled: the server lives on."""

import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.robustness.conftest import NoteOutcomes
from tests.robustness.mutations import Mutation, mutations
from tests.serve.raw_client import connected, read_to_end, replies_in
from tests.serve.stub_server import StubServer, running_stub
from tests.serve.test_decoding import BOUNDARY, PIXELS, file_of, form_of

TIMEOUT = 0.3
AT_ONCE = 16
STATUSES = {200, 206, 400, 404, 405, 408, 413, 415, 416, 421, 422, 431, 501, 503, 505}
COMMON = b"Host: localhost\r\nConnection: close\r\n"


def post(content_type: str, body: bytes) -> bytes:
    head = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return b"POST /v1/predict?top=2&seen=true HTTP/1.1\r\n" + COMMON + head.encode() + body


CHUNKED = b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
REQUESTS = {
    "page": b"GET /page.css HTTP/1.1\r\n" + COMMON + b"Range: bytes=0-10,20-30\r\n\r\n",
    "image": post("image/png", file_of(PIXELS)),
    "form": post(f"multipart/form-data; boundary={BOUNDARY}", form_of(file_of(PIXELS))),
    "pixels": post("application/json", b'{"pixels": [[1, 2, 3], [4, 5, 6]]}'),
    "chunks": b"POST /v1/predict HTTP/1.1\r\n"
    + COMMON
    + CHUNKED
    + b"20\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (file_of(PIXELS)[:32], len(file_of(PIXELS)) - 32, file_of(PIXELS)[32:]),
}


@pytest.fixture(scope="module")
def server() -> Iterator[StubServer]:
    with running_stub(timeout_seconds=TIMEOUT, max_body_bytes=100_000) as server:
        yield server
        assert server.process.poll() is None
        _, errors = server.stopped(signal.SIGTERM)
        assert errors.splitlines() == ["stopping; what was accepted is answered"] or errors == ""


def outcome_of(port: int, mutation: Mutation) -> str:
    with connected(port) as plain:
        plain.sendall(mutation.content)
        content = read_to_end(plain)
    try:
        replies = replies_in(content, "HEAD" if mutation.content.startswith(b"HEAD") else "POST")
    except Exception as error:
        raise AssertionError(f"{mutation.what}: {error}: {content[:500]!r}") from error
    statuses = {reply.status for reply in replies}
    assert statuses <= STATUSES, f"{mutation.what}: {mutation.content!r}: {statuses}"
    if not replies:
        return "closed"
    return "answered" if replies[0].status < 300 else "refused"


@pytest.mark.parametrize("name", REQUESTS)
def test_whole_requests_are_answered(server: StubServer, name: str) -> None:
    whole = Mutation("whole", REQUESTS[name])
    assert outcome_of(server.port, whole) == "answered"


@pytest.mark.parametrize("name", REQUESTS)
def test_damaged_request_gets_an_answer_or_an_end_and_the_server_lives(
    server: StubServer, name: str, mutation_count: int, note_outcomes: NoteOutcomes
) -> None:
    damaged = mutations(REQUESTS[name], mutation_count)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = Counter(threads.map(lambda each: outcome_of(server.port, each), damaged))
    note_outcomes("HTTP requests", outcomes)
    assert server.is_well() < 10
