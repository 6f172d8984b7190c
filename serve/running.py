"""From an address to a server that listens on it, until a signal comes."""

import errno
import ipaddress
import logging
import math
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn

from errors import UnfinishedError, UsageError
from serve.app import Serving
from serve.connections import MOST_CONNECTIONS, Connection

KEEP_ALIVE_SECONDS = 5
SECONDS_TO_SEND_THE_LAST_ANSWERS = 1
BACKLOG = 512  # connections that the kernel holds, and that are accepted in one turn of the loop
FILES_OF_ITS_OWN = 128  # that the process has open beside its connections

log = logging.getLogger("onnxproof")


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that has this address and does not listen yet.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free.

    Raises:
        UnfinishedError: the port is taken, or not for this user.
        UsageError: the host is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError("--host", f"{host!r} is no address that can be found: {error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # now: until then another process could bind it too
    except OSError as error:
        listener.close()
        raise _binding_error(host, port, error) from error
    return listener


def _binding_error(host: str, port: int, error: OSError) -> UnfinishedError | UsageError:
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError("--host", f"{host} is no address of this machine")
    if error.errno == errno.EADDRINUSE:
        return UnfinishedError(
            f"--port {port}",
            f"something else listens there on {host}",
            hint="name another one, or --port 0 for any that is free",
        )
    return UnfinishedError(
        f"--port {port}", f"cannot be had on {host}: {error.strerror}", hint="name another one"
    )


def url_of(listener: socket.socket) -> str:
    """Return the address of a socket's server."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def is_loopback(listener: socket.socket) -> bool:
    """Return whether only this machine can reach the socket."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def run_server(
    serving: Serving,
    listener: socket.socket,
    *,
    on_listening: Callable[[], None],
    is_stop_asked: Callable[[], bool],
) -> None:
    """Answer requests until SIGINT or SIGTERM, and then those that were accepted.

    The signal is raised once more at the end, for the handler that was there before. A second one
    does not wait for answers.

    Args:
        serving: what answers.
        listener: the socket; it is closed in the end.
        on_listening: is called once requests are taken.
        is_stop_asked: whether a signal came before this server could hear it.
    """
    serving.connections.most = min(serving.connections.most, most_connections())
    # A body may need the whole time to arrive, and then its answer.
    seconds = 2 * serving.limits.timeout_seconds + SECONDS_TO_SEND_THE_LAST_ANSWERS
    config = uvicorn.Config(
        serving.app,
        # uvicorn only calls it.
        http=partial(Connection, serving.connections),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",  # what clients do wrong is told to them; our errors: serve.watching
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(seconds),
        backlog=BACKLOG,
    )
    _Server(config, serving, on_listening, is_stop_asked).run(sockets=[listener])


def most_connections() -> int:
    """Return how many connections this process may have open, once it has asked for more.

    Shells allow a process 1,024 files for the sake of programs that use select(2), which nothing
    here does; up to the hard limit it may take more.
    """
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + BACKLOG + FILES_OF_ITS_OWN
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, soft - BACKLOG - FILES_OF_ITS_OWN) if soft >= 0 else sys.maxsize


class _Server(uvicorn.Server):
    """Says when it listens and when it stops; its signal handlers are uvicorn's."""

    def __init__(
        self,
        config: uvicorn.Config,
        serving: Serving,
        on_listening: Callable[[], None],
        is_stop_asked: Callable[[], bool],
    ) -> None:
        super().__init__(config)
        self._serving = serving
        self._on_listening = on_listening
        self._is_stop_asked = is_stop_asked

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._is_stop_asked():
            self.should_exit = True
        else:
            self._on_listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._serving.is_stopping:  # who asks twice does not want to wait
            self.force_exit = True
        else:
            log.info("stopping; what was accepted is answered")
        self._serving.is_stopping = True
        super().handle_exit(sig, frame)
