"""Errors as problem details for HTTP APIs (RFC 9457): one form, whoever found the error."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from serve.records import Problem

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499  # nginx's number; nobody reads the answer, but it is counted
RETRY_AFTER_SECONDS = 1  # a queue is worked off in less


class ProblemError(Exception):
    """A request that gets no answer but this.

    Args:
        status: of HTTP.
        detail: what was wanted and what was found.
        headers: to send with it.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


class BusyError(ProblemError):
    """There is more to do than can be done; later it may be less."""

    def __init__(self, detail: str) -> None:
        super().__init__(503, detail, {"Retry-After": str(RETRY_AFTER_SECONDS)})


class ClientGoneError(ProblemError):
    """Whoever asked has closed the connection."""

    def __init__(self) -> None:
        super().__init__(CLIENT_GONE, "the client closed the connection")


def problem_response(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem as the response of that status."""
    title = "Client Closed Request" if status == CLIENT_GONE else HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail)
    return Response(problem.to_json(), status, headers, MEDIA_TYPE)


def described_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of responses with these statuses."""
    schema = Problem.model_json_schema()
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def tell_errors_as_problems(app: FastAPI) -> None:
    """Let the app answer its own errors, and those of its framework, in this form."""

    @app.exception_handler(ProblemError)
    async def told(_: Request, error: ProblemError) -> Response:
        return problem_response(error.status, error.detail, error.headers)

    @app.exception_handler(HTTPException)
    async def told_by_framework(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path}: {HTTPStatus(error.status_code).phrase}"
        return problem_response(error.status_code, detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def told_by_validation(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem_response(422, f"{where}: {first['msg']}")
