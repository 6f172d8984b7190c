"""Sockets and what their addresses are called; the server itself is run in tests/commands."""

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from errors import UnfinishedError
from serve.connections import MOST_CONNECTIONS
from serve.running import (
    BACKLOG,
    FILES_OF_ITS_OWN,
    bound_socket,
    is_loopback,
    most_connections,
    url_of,
)


@contextmanager
def bound(host: str) -> Iterator[tuple[socket.socket, int]]:
    with bound_socket(host, 0) as listener:
        yield listener, listener.getsockname()[1]


def has_ipv6() -> bool:
    try:
        with bound_socket("::1", 0):
            return True
    except Exception:
        return False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_address_of_this_machine_alone(host: str) -> None:
    with bound(host) as (listener, port):
        assert is_loopback(listener)
        assert url_of(listener).endswith(f":{port}/")


def test_address_of_all_machines_is_no_loopback() -> None:
    with bound("0.0.0.0") as (listener, port):
        assert not is_loopback(listener)
        assert url_of(listener) == f"http://0.0.0.0:{port}/"


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6_has_brackets() -> None:
    with bound("::1") as (listener, port):
        assert is_loopback(listener)
        assert url_of(listener) == f"http://[::1]:{port}/"


def test_two_cannot_have_one_port_even_before_requests_are_taken() -> None:
    with bound("127.0.0.1") as (_, port), pytest.raises(UnfinishedError, match="something else"):
        bound_socket("127.0.0.1", port)


def test_port_that_is_not_for_this_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, _address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Forbidden)
    with pytest.raises(UnfinishedError, match="cannot be had on 127"):
        bound_socket("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("soft", "hard", "asked", "most"),
    [
        (1024, 20_000, MOST_CONNECTIONS + BACKLOG + FILES_OF_ITS_OWN, MOST_CONNECTIONS),
        (1024, 1024, 1024, 1024 - BACKLOG - FILES_OF_ITS_OWN),
        (256, 256, 256, 1),
        (20_000, 20_000, None, 20_000 - BACKLOG - FILES_OF_ITS_OWN),
    ],
)
def test_connections_are_as_many_as_files_may_be_open(
    soft: int, hard: int, asked: int | None, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))
    assert most_connections() == most
    assert limits[1:] == ([] if asked is None else [(asked, hard)])
