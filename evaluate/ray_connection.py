"""A connection to Ray, on this machine or to a cluster; our streams and signals stay ours."""

import contextlib
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifacts.environment import usable_cpus
from errors import UnusableError
from evaluate.native_output import captured_native_output

LOCAL = "local"
CONNECT_SECONDS = 10.0
_HOST_AND_PORT = re.compile(r"(?:ray://)?(?P<host>[^/]+):(?P<port>[0-9]+)")
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where the workers are.

    Attributes:
        address: of a cluster as Ray takes it, or `local` for workers on this machine.
        workers: how many; None: one for each GPU, or for each CPU that this process may use.
    """

    address: str = LOCAL
    workers: int | None = None


def _require_listener(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself tries for minutes."""
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None:  # `local`, or `auto`, which Ray finds by itself
        return
    try:
        socket.create_connection((match["host"], int(match["port"])), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UnusableError(
            f"--ray {address}",
            f"nobody answers there: {error}",
            hint="start a cluster with: ray start --head; `ray status` tells its address",
        ) from error


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Put back the handlers that were there: Ray's turns SIGTERM into an exit code of its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def connected_ray(options: ClusterOptions) -> Iterator[Any]:
    """Give Ray's module, connected; what it prints while it starts does not reach our streams.

    Raises:
        UnusableError: Ray is not installed, or the cluster cannot be reached.
    """
    # Its C++ parts write to our standard error, also of what a restart will mend.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError as error:
        raise UnusableError(
            "--ray", "Ray is not installed", hint="python -m pip install '.[ray]'"
        ) from error
    is_local = options.address == LOCAL
    _require_listener(options.address)
    was_running = ray.is_initialized()
    failure: Exception | None = None
    with captured_native_output(), _own_signal_handlers():
        try:
            if not was_running:
                ray.init(
                    address=None if is_local else options.address,
                    include_dashboard=False if is_local else None,
                    num_cpus=usable_cpus() if is_local else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
                )
        except Exception as error:  # its errors share no base class but this one
            failure = error
    if failure is not None:
        reason = str(failure).strip().splitlines()[0]
        raise UnusableError(f"--ray {options.address}", f"cannot be used: {reason}") from failure
    try:
        yield ray
    finally:
        if not was_running:
            with captured_native_output():
                ray.shutdown()
