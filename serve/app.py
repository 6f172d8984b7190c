"""The routes, and what lives as long as they do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, Response
from fastapi_offline import FastAPIOffline

from artifacts.version import ONNXPROOF_VERSION
from serve.answering import Answering
from serve.batching import Batcher, batch_sizes
from serve.connections import Connections
from serve.hosts import Hosts
from serve.metrics import CONTENT_TYPE, Metrics
from serve.model import Limits, ServedModel
from serve.problems import described_problems, tell_errors_as_problems
from serve.records import Answer, Health
from serve.watching import DOCS_PATH, Watched

PAGE = Path(__file__).parent / "page"
READING = ["GET", "HEAD"]  # whoever may read may ask what there is to be read (RFC 9110, 9.3.2)
PAGE_FILES = ("page.css", "page.js", "drawing.js", "favicon.svg")
MOST_CLASSES_UNLESS_ASKED = 10
PREDICT_PROBLEMS = (400, 408, 413, 415, 422, 500, 503)


class Serving:
    """One server: its app, and whether it is about to stop.

    Args:
        served: what answers.
        limits: that requests are held to.
        hosts: names that requests must ask for; None: any.
        debug: print tracebacks.
    """

    def __init__(
        self,
        served: ServedModel,
        limits: Limits,
        *,
        hosts: Hosts | None = None,
        debug: bool = False,
    ) -> None:
        self.is_stopping = False
        self.limits = limits
        self._served = served
        max_batch = 1 if served.feels_company else limits.max_batch
        self._batch_sizes = batch_sizes(max_batch)
        self._metrics = Metrics(
            served,
            self._batch_sizes,
            waiting=lambda: self._batcher.waiting,
            connections=lambda: len(self.connections),
        )
        self.connections = Connections(limits, self._metrics.note_cut)
        self._batcher = Batcher(
            served.rankings,
            max_batch=max_batch,
            queue_size=limits.queue_size,
            on_batch=self._metrics.note_batch,
        )
        self._answering = Answering(served, limits, self._batcher, self.connections)
        self.app = self._new_app(hosts, debug)

    def warm_up(self, on_step: Callable[[str, int, int], None]) -> None:
        """Compute a batch of every size there can be, so that no request pays for the first.

        Args:
            on_step: is told how it goes on.

        Raises:
            OnnxproofError: the graph could not be run.
        """
        for number, size in enumerate(self._batch_sizes, start=1):
            self._served.rankings(np.zeros((size, *self._served.image_shape), dtype=np.uint8))
            on_step("warming up, batches", number, len(self._batch_sizes))

    def health(self) -> Health:
        """Return what /healthz says."""
        return Health(
            status="stopping" if self.is_stopping else "ok",
            model=self._served.model,
            precision=self._served.precision,
            provider=self._served.provider,
            image_shape=self._served.image_shape,
            classes=self._served.classes,
            dataset=self._served.dataset,
        )

    def _new_app(self, hosts: Hosts | None, debug: bool) -> FastAPI:
        app = FastAPIOffline(
            docs_url=DOCS_PATH,
            redoc_url=None,
            favicon_url="favicon.svg",
            title=f"onnxproof serve: {self._served.model.name}",
            version=ONNXPROOF_VERSION,
            description=_description(self._served),
            lifespan=self._lifespan,
        )
        app.add_middleware(Watched, metrics=self._metrics, hosts=hosts, debug=debug)
        tell_errors_as_problems(app)
        self._add_predict(app)
        self._add_operation(app)
        _add_page(app)
        return app

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(self._batcher.run())
        try:
            yield
        finally:
            self._answering.close()
            worker.cancel()
            await asyncio.wait({worker})

    def _add_predict(self, app: FastAPI) -> None:
        @app.post(
            "/v1/predict",
            summary="Classes of one image or of several",
            response_model=Answer,
            response_model_exclude_none=True,
            responses=described_problems(*PREDICT_PROBLEMS),
            openapi_extra={"requestBody": request_body(self._served.image_shape)},
        )
        async def predict(
            request: Request,
            top: Annotated[
                int, Query(ge=1, description="How many classes to tell, the most probable first.")
            ] = MOST_CLASSES_UNLESS_ASKED,
            seen: Annotated[
                bool, Query(description="Also return the pixels that the network was given.")
            ] = False,
        ) -> Response:
            """The header `Server-Timing` has the milliseconds of decoding, queue and computing."""
            return await self._answering.answer(request, top, seen)

    def _add_operation(self, app: FastAPI) -> None:
        @app.head("/healthz", include_in_schema=False)
        @app.get(
            "/healthz",
            summary="Whether requests are taken",
            response_model=Health,
            responses={503: {"model": Health, "description": "It is about to stop."}},
        )
        async def healthz() -> Response:
            status = 503 if self.is_stopping else 200
            return Response(self.health().to_json(), status, media_type="application/json")

        @app.get(
            "/metrics",
            summary="Counts, for Prometheus",
            response_class=Response,
            responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )
        async def metrics() -> Response:
            return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _add_page(app: FastAPI) -> None:
    @app.api_route("/", methods=READING, include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    def add_file(name: str) -> None:
        @app.api_route(f"/{name}", methods=READING, include_in_schema=False)
        async def file() -> FileResponse:
            return FileResponse(PAGE / name)

    for name in PAGE_FILES:
        add_file(name)


def _description(served: ServedModel) -> str:
    channels, height, width = served.image_shape
    kind = "grey" if channels == 1 else "RGB"
    return (
        f"{served.model.name} ({served.precision}) on {served.provider}: {len(served.classes)}"
        f" classes of {kind} images of {height}x{width} pixels.\n\nsha256 of the ONNX file:"
        f" `{served.model.onnx_sha256}`"
    )


def request_body(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Return what OpenAPI says of the bodies that a prediction can be asked with."""
    channels, height, width = image_shape
    shapes: list[list[int | None]] = [[channels, height, width], [None, channels, height, width]]
    if channels == 1:
        shapes.insert(0, [height, width])
    file = {"type": "string", "format": "binary"}
    pixel: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 255}
    return {
        "required": True,
        "content": {
            "image/*": {"schema": file},
            "application/octet-stream": {"schema": file},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"images": {"type": "array", "items": file}},
                    "required": ["images"],
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "pixels": {
                            "description": "Raw pixels of exactly the network's size.",
                            "oneOf": [nested_lists(pixel, shape) for shape in shapes],
                        }
                    },
                    "required": ["pixels"],
                    "additionalProperties": False,
                }
            },
        },
    }


def nested_lists(item: dict[str, Any], shape: Sequence[int | None]) -> dict[str, Any]:
    """Return the JSON schema of lists of lists with these lengths; None is any from one on."""
    for length in reversed(shape):
        lengths = {"minItems": length, "maxItems": length} if length else {"minItems": 1}
        item = {"type": "array", "items": item, **lengths}
    return item
