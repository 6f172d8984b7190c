"""The timings of an evaluation: which scenario, at which boundaries, beside PyTorch where it is."""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from artifacts.choices import Scenario
from artifacts.evaluation_records import GraphInput, GraphOutput
from artifacts.latency_records import LatencyRecord, OfflineRecord, ServerRecord
from artifacts.logits import Images, Tolerance
from errors import UsageError
from evaluate.graph_input import logits_function
from evaluate.latency import LatencyOptions, measured_latency
from evaluate.offline import measured_throughput
from evaluate.onnx_runtime import GPU_PROVIDERS, OnnxRunner
from evaluate.passes import OnStep
from evaluate.server import DEFAULT_BOUND_MS, Server, measured_rate
from evaluate.subject import Subject
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


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What was measured; nothing of the scenarios that were not asked for."""

    latency: tuple[LatencyRecord, ...] = ()
    offline: OfflineRecord | None = None
    server: ServerRecord | None = None


@dataclass(frozen=True, kw_only=True)
class TimedGraph:
    """What all scenarios time."""

    subject: Subject
    runner: OnnxRunner
    form: GraphInput
    output: GraphOutput
    tolerance: Tolerance


def timings(graph: TimedGraph, images: Images, options: TimingOptions, on_step: OnStep) -> Timings:
    """Return the timings of the scenario that was asked for.

    Args:
        graph: what to time.
        images: of the split, uint8 images_NCHW.
        options: what the user decides.
        on_step: is told how it goes on.

    Raises:
        UsageError: the graph fixes another batch size, or there is no GPU to capture a graph on.
        UnusableError: PyTorch cannot use the provider's device.
    """
    if options.cuda_graph and graph.runner.asked.provider not in GPU_PROVIDERS:
        raise UsageError("--cuda-graph", f"wants one of {', '.join(GPU_PROVIDERS)}")
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
    graph: TimedGraph,
    images: Images,
    sizes: tuple[int, ...],
    options: TimingOptions,
    on_step: OnStep,
) -> list[LatencyRecord]:
    records: list[LatencyRecord] = []
    is_gpu = graph.runner.asked.provider in GPU_PROVIDERS
    graphed = _with_cuda_graph(graph) if options.cuda_graph else None
    for done, size in enumerate(sizes):
        on_step(f"latency at batch {size}", done, len(sizes))
        batch = np.array(images[np.arange(size) % len(images)])

        def record(
            onnx: TimedCall,
            pytorch: TimedCall | None,
            *,
            is_device: bool = False,
            is_graph: bool = False,
            size: int = size,
        ) -> None:
            records.append(
                measured_latency(
                    onnx,
                    pytorch,
                    batch_size=size,
                    boundary="device" if is_device else "host",
                    options=options.latency,
                    tolerance=graph.tolerance,
                    threads=graph.runner.threads,
                    cuda_graph=is_graph,
                )
            )

        record(
            onnx_host_call(graph.runner, graph.form, graph.output, batch),
            _pytorch_host_call(graph, batch),
        )
        for one in (graph, graphed) if is_gpu else ():
            if one is not None:
                record(
                    onnx_device_call(one.runner, one.form, one.output, batch),
                    _pytorch_device_call(one, batch, cuda_graph=one is graphed),
                    is_device=True,
                    is_graph=one is graphed,
                )
    on_step("latency", len(sizes), len(sizes))
    return records


def _offline(
    graph: TimedGraph, images: Images, size: int, options: TimingOptions, on_step: OnStep
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
    graph: TimedGraph, images: Images, size: int, options: TimingOptions, on_step: OnStep
) -> ServerRecord:
    function = logits_function(graph.runner, graph.form, graph.output)
    return measured_rate(
        Server(function, images[:SERVER_IMAGES], size, graph.tolerance),
        bound_ms=options.bound_ms,
        options=options.latency,
        threads=graph.runner.threads,
        on_step=on_step,
    )


def _with_cuda_graph(graph: TimedGraph) -> TimedGraph:
    asked = graph.runner.asked
    captured = {**asked.provider_options, **_CUDA_GRAPH[asked.provider]}
    return replace(
        graph,
        runner=OnnxRunner(graph.subject.onnx, replace(asked, provider_options=captured)),
    )


def _pytorch_function(graph: TimedGraph) -> Callable[[Images], np.ndarray] | None:
    if not _is_pytorch_there(graph):
        return None
    from evaluate.torch_runner import pytorch_logits_function

    assert graph.subject.trained is not None
    return pytorch_logits_function(graph.subject.trained, graph.runner.asked)


def _pytorch_host_call(graph: TimedGraph, images: Images) -> TimedCall | None:
    function = _pytorch_function(graph)
    return None if function is None else host_call(function, images)


def _pytorch_device_call(
    graph: TimedGraph, images: Images, *, cuda_graph: bool
) -> TimedCall | None:
    if not _is_pytorch_there(graph):
        return None
    from evaluate.torch_runner import pytorch_device_call

    assert graph.subject.trained is not None
    return pytorch_device_call(
        graph.subject.trained, graph.runner.asked, images, cuda_graph=cuda_graph
    )


def _is_pytorch_there(graph: TimedGraph) -> bool:
    if graph.subject.trained is None:
        return False
    if importlib.util.find_spec("torch") is None:
        log.warning("PyTorch is not installed: ONNX Runtime is timed without it")
        return False
    return True
