"""What /metrics tells, in the text format of Prometheus. Each app has a registry of its own."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    generate_latest,
)

from serve.model import ServedModel

CONTENT_TYPE = CONTENT_TYPE_LATEST
# A small network answers in a millisecond; Prometheus' own buckets begin at five.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts of one server.

    Args:
        served: what it serves.
        batch_sizes: that batches may have.
        waiting: tells how many images wait.
        connections: tells how many there are.
    """

    def __init__(
        self,
        served: ServedModel,
        batch_sizes: tuple[int, ...],
        *,
        waiting: Callable[[], int],
        connections: Callable[[], int],
    ) -> None:
        self._registry = own = CollectorRegistry()
        self._requests = Counter(
            "onnxproof_http_requests",
            "Requests, by route and status.",
            ("route", "status"),
            registry=own,
        )
        self._seconds = Histogram(
            "onnxproof_http_request_seconds",
            "From a request's head to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=own,
        )
        self._images = Counter("onnxproof_images", "Images computed.", registry=own)
        self._batch_size = Histogram(
            "onnxproof_batch_size", "Images computed together.", buckets=batch_sizes, registry=own
        )
        queue = Gauge("onnxproof_queue_images", "Images that wait.", registry=own)
        queue.set_function(waiting)
        opened = Gauge("onnxproof_connections", "Connections that are open.", registry=own)
        opened.set_function(connections)
        self._cut = Counter(
            "onnxproof_connections_cut",
            "Connections that the server closed because of what came over them, or did not.",
            ("why",),
            registry=own,
        )
        Info("onnxproof_model", "What is served.", registry=own).info(
            {
                "name": served.model.name,
                "onnx_sha256": served.model.onnx_sha256,
                "precision": served.precision,
                "provider": served.provider,
            }
        )

    def note_batch(self, size: int) -> None:
        """Count a batch that was computed."""
        self._images.inc(size)
        self._batch_size.observe(size)

    def note_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def note_cut(self, why: str) -> None:
        """Count a connection that was closed although its client had not ended it."""
        self._cut.labels(why).inc()

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)
