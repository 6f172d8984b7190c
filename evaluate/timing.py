"""The timings of an evaluation: which scenario, at which boundaries, beside PyTorch where it is."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from artifacts.choices import Scenario
from artifacts.environment import is_installed
from artifacts.evaluation_records import GraphInput
from artifacts.latency_records import Boundary, LatencyRecord, OfflineRecord, ServerRecord
from artifacts.logits import Images, LogitsFunction
from errors import UsageError
from evaluate.evidence import Timings
from evaluate.graph_input import logits_function
from evaluate.latency import LatencyOptions, measured_latency
from evaluate.offline import measured_throughput
from evaluate.onnx_runtime import OnnxRunner
from evaluate.opening import Opened
from evaluate.passes import OnStep
from evaluate.server import DEFAULT_BOUND_MS, Server, measured_rate
from evaluate.session_options import GPU_PROVIDERS
from evaluate.timed_call import TimedCall, host_call, onnx_device_call, onnx_host_call

DEFAULT_BATCH_SIZES = (1, 32)
SERVER_IMAGES = 1024  # that queries ask for in turn
_CUDA_GRAPH = {
    "cuda": {"enable_cuda_graph": "1"},
    "tensorrt": {"trt_cuda_graph_enable": "1"},
}
log = logging.getLogger("onnxproof")


@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """What is measured, and for how long.

    Attributes:
        scenario: as MLPerf Inference names them.
        latency: how long; its batch sizes are those to time, or to choose the largest of.
        bound_ms: of p99, for the scenario `server`.
        cuda_graph: also time both sides replaying a captured graph, on a GPU.
    """

    scenario: Scenario = "single-stream"
    latency: LatencyOptions = field(default_factory=LatencyOptions)
    bound_ms: float = DEFAULT_BOUND_MS
    cuda_graph: bool = False


def timings(graph: Opened, options: TimingOptions, on_step: OnStep) -> Timings:
    """Return the timings of the scenario that was asked for.

    Args:
        graph: what to time.
        options: what the user decides.
        on_step: is told how it goes on.

    Raises:
        UsageError: the graph fixes another batch size, or there is no GPU to capture a graph on.
        UnusableError: PyTorch cannot use the provider's device.
    """
    if options.cuda_graph and graph.runner.asked.provider not in GPU_PROVIDERS:
        raise UsageError("--cuda-graph", f"wants one of {', '.join(GPU_PROVIDERS)}")
    images = graph.dataset.test.images
    sizes = _batch_sizes(graph.form, options.latency)
    if options.scenario == "offline":
        return Timings(offline=_offline(graph, images, max(sizes), options, on_step))
    if options.scenario == "server":
        return Timings(server=_server(graph, images, max(sizes), options, on_step))
    return Timings(latency=tuple(_single_stream(graph, images, sizes, options, on_step)))


def _batch_sizes(form: GraphInput, options: LatencyOptions) -> tuple[int, ...]:
    asked = options.batch_sizes
    if form.batch is None:
        return asked or DEFAULT_BATCH_SIZES
    if asked not in (None, (form.batch,)):
        raise UsageError("--batch-sizes", f"the graph fixes its batch size at {form.batch}")
    return (form.batch,)


def _single_stream(
    graph: Opened,
    images: Images,
    sizes: tuple[int, ...],
    options: TimingOptions,
    on_step: OnStep,
) -> list[LatencyRecord]:
    records: list[LatencyRecord] = []
    pytorch = _pytorch_function(graph)
    float32 = _float32_beside(graph)
    captured = _with_cuda_graph(graph) if options.cuda_graph else None
    for done, size in enumerate(sizes):
        on_step(f"latency at batch {size}", done, len(sizes))
        batch = np.array(images[np.arange(size) % len(images)])
        records += [
            measured_latency(
                sides.onnx,
                sides.pytorch,
                sides.float32,
                batch_size=size,
                boundary=sides.boundary,
                options=options.latency,
                tolerance=graph.tolerance,
                threads=graph.runner.threads,
                cuda_graph=sides.cuda_graph,
            )
            for sides in _compared(graph, captured, float32, pytorch, batch)
        ]
    on_step("latency", len(sizes), len(sizes))
    return records


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """The sides of one timing."""

    onnx: TimedCall
    pytorch: TimedCall | None
    float32: TimedCall | None = None
    boundary: Boundary = "host"
    cuda_graph: bool = False


def _compared(
    graph: Opened,
    captured: Opened | None,
    float32: Opened | None,
    pytorch: LogitsFunction | None,
    batch: Images,
) -> Iterator[_Compared]:
    """Yield what is timed at one batch size: both boundaries on a GPU, also with a CUDA graph."""
    host = onnx_host_call(graph.runner, graph.form, graph.output, batch)
    yield _Compared(
        onnx=host,
        pytorch=host_call(pytorch, batch) if pytorch else None,
        float32=None
        if float32 is None
        else onnx_host_call(float32.runner, float32.form, float32.output, batch),
    )
    if graph.runner.asked.provider not in GPU_PROVIDERS:
        return
    classes = host.logits(host.call()).shape[1]
    for one in (graph, captured):
        if one is not None:
            beside = None if one is captured else float32
            yield _Compared(
                onnx=onnx_device_call(one.runner, one.form, one.output, batch, classes),
                pytorch=_pytorch_device_call(one, batch, cuda_graph=one is captured),
                float32=None
                if beside is None
                else onnx_device_call(beside.runner, beside.form, beside.output, batch, classes),
                boundary="device",
                cuda_graph=one is captured,
            )


def _offline(
    graph: Opened, images: Images, size: int, options: TimingOptions, on_step: OnStep
) -> OfflineRecord:
    return measured_throughput(
        logits_function(graph.runner, graph.form, graph.output),
        _pytorch_function(graph),
        images,
        batch_size=size,
        options=options.latency,
        tolerance=graph.tolerance,
        threads=graph.runner.threads,
        on_step=on_step,
    )


def _server(
    graph: Opened, images: Images, size: int, options: TimingOptions, on_step: OnStep
) -> ServerRecord:
    function = logits_function(graph.runner, graph.form, graph.output)
    return measured_rate(
        Server(function, images[:SERVER_IMAGES], size, graph.tolerance),
        bound_ms=options.bound_ms,
        options=options.latency,
        threads=graph.runner.threads,
        on_step=on_step,
    )


def _float32_beside(graph: Opened) -> Opened | None:
    """Return the run's float32 graph with a session of its own, for a reduced precision."""
    onnx = graph.subject.float32_onnx
    if onnx is None:
        return None
    return replace(graph, runner=OnnxRunner(onnx, graph.runner.asked))


def _with_cuda_graph(graph: Opened) -> Opened:
    asked = graph.runner.asked
    captured = {**asked.provider_options, **_CUDA_GRAPH[asked.provider]}
    return replace(
        graph,
        runner=OnnxRunner(graph.subject.onnx, replace(asked, provider_options=captured)),
    )


def _pytorch_function(graph: Opened) -> LogitsFunction | None:
    if not _is_pytorch_there(graph):
        return None
    from evaluate.torch_runner import pytorch_logits_function

    assert graph.subject.trained is not None
    return pytorch_logits_function(graph.subject.trained, graph.runner.asked)


def _pytorch_device_call(graph: Opened, images: Images, *, cuda_graph: bool) -> TimedCall | None:
    if not _is_pytorch_there(graph):
        return None
    from evaluate.torch_runner import pytorch_device_call

    assert graph.subject.trained is not None
    return pytorch_device_call(
        graph.subject.trained, graph.runner.asked, images, cuda_graph=cuda_graph
    )


def _is_pytorch_there(graph: Opened) -> bool:
    if graph.subject.trained is None:
        return False
    if not is_installed("torch"):
        log.warning("PyTorch is not installed: ONNX Runtime is timed without it")
        return False
    return True
