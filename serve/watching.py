"""What stands around every request: it is counted, gets headers, and no error escapes it."""

import logging
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.hosts import Hosts
from serve.metrics import Metrics
from serve.problems import problem_response
from serve.wire import MOST_HEADER_BYTES

# Nothing from elsewhere, no script but the page's own file; pictures also from its own memory.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Swagger UI starts with a script in the page, and styles its elements.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DOCS_PATH = "/docs"

log = logging.getLogger("onnxproof")


class Watched:
    """An ASGI app around another.

    Args:
        app: the other.
        metrics: where requests are counted.
        hosts: names that requests must ask for; None: any.
        debug: print a traceback where the app itself has failed.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: Hosts | None, debug: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._hosts = hosts
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope["path"])
            await send(message)

        try:
            refusal = self._refusal(scope)
            await (refusal or self._app)(scope, receive, send_with_headers)
        except Exception as error:
            self._tell(error)
            if status is None:
                response = problem_response(500, "the server failed; its log says why")
                await response(scope, receive, send_with_headers)
        finally:
            if status is not None:
                seconds = time.perf_counter() - start
                self._metrics.note_request(_route(scope), status, seconds)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return what a request is answered that no route shall see."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if (
            sum(len(name) + len(value) + len(": \r\n") for name, value in headers)
            > MOST_HEADER_BYTES
        ):
            wanted = f"wanted at most {MOST_HEADER_BYTES:,} bytes"
            return problem_response(431, f"the headers are too large: {wanted}")
        if "\0" in scope["path"]:  # which files are not called, and about which systems disagree
            return problem_response(400, "the path has a null character")
        if self._hosts is not None:
            return self._hosts.refusal(dict(headers).get(b"host"))
        return None

    def _tell(self, error: Exception) -> None:
        if self._debug:
            traceback.print_exception(error)
        log.error("a request failed: %s: %s", type(error).__name__, error)


def _add_headers(message: MutableMapping[str, Any], path: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Content-Security-Policy"] = DOCS_POLICY if path == DOCS_PATH else PAGE_POLICY


def _route(scope: Scope) -> str:
    """Return the route's own path: what strangers ask for must not become names of counters."""
    return getattr(scope.get("route"), "path", "other")
