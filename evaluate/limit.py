"""The limit of the provider that was timed, and what share of it each timed batch reached.

The limit is measured in the evaluation's own run, by ONNX Runtime on the provider that was asked
for: its best at products of square matrices, and at copies from some that stay in the caches to one
that does not, all in float32, with inputs and outputs that lie on the provider's device.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.latency_records import LatencyRecord
from artifacts.limit_records import CopyRate, MachineLimit
from errors import OnnxproofError, UnfinishedError
from evaluate.counted_work import Work
from evaluate.idle_threads import wait_for_idle_threads
from evaluate.onnx_runtime import OnnxRunner
from evaluate.opening import Opened
from evaluate.passes import OnStep
from evaluate.session_options import GPU_PROVIDERS, SessionOptions
from untrusted.child import ChildError, Limits, result_in_child
from untrusted.memory import available_memory_bytes

MOST_SECONDS_TO_COUNT = 20.0
SECONDS_EACH = 0.03  # of each product and each copy, the fastest call of which counts
LEAST_CALLS = 4
LONG_SECONDS = 0.01  # a product that takes so long is large enough
COLUMNS = 1 << 14  # of what is copied: rows of 64 KiB


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """What saturates a kind of device; of several the best counts.

    Attributes:
        products: rows of the matrices; a larger one is tried only where the one before was short.
        operators: that copy. On CPUs one copies past the caches, and the other on all threads.
        rows: of what is copied, the largest last.
    """

    products: tuple[int, ...]
    operators: tuple[str, ...]
    rows: tuple[int, ...]

    @property
    def memory_bytes(self) -> int:
        """What the largest copy takes: input, output, what is put there; and room to spare."""
        return 8 * 4 * COLUMNS * self.rows[-1]


# Copies that move 256 KiB, 1, 4, 16 and 128 MiB.
_CPU = _Sizes(
    products=(512, 1024, 2048, 4096), operators=("Identity", "Relu"), rows=(2, 8, 32, 128, 1024)
)
# 32 and 512 MiB. As few graphs as can be: TensorRT takes seconds to open one.
_GPU = _Sizes(products=(4096,), operators=("Relu",), rows=(256, 4096))


@dataclass(frozen=True, kw_only=True)
class Limited:
    """Timings with their shares of the limit.

    Attributes:
        limit: None where nothing was timed, or it could not be measured.
        missing: why timings have no share; None where they have, or nothing was timed.
        latency: the timings.
    """

    limit: MachineLimit | None = None
    missing: str | None = None
    latency: tuple[LatencyRecord, ...]


def beside_the_limit(
    opened: Opened, latency: tuple[LatencyRecord, ...], on_step: OnStep
) -> Limited:
    """Return the timings with the share of the limit that each reached, where that is known.

    Args:
        opened: what was timed.
        latency: its timings; without any nothing is measured.
        on_step: is told how it goes on.
    """
    if not latency:
        return Limited(latency=latency)
    on_step("limit of the machine", 0, 0)
    limit = None
    try:
        limit = measured_limit(opened.runner.asked)
        work = _work_by_batch_size(opened, sorted({timing.batch_size for timing in latency}))
    except (OnnxproofError, ChildError, ImportError, MemoryError) as error:
        what = "the graph's work" if limit else "the limit of the provider"
        why = error.problem if isinstance(error, OnnxproofError) else str(error)
        return Limited(limit=limit, missing=f"{what} is not known: {why}", latency=latency)
    shares = (
        limit.share(**vars(work[timing.batch_size]), seconds=timing.p50_ms / 1000)
        for timing in latency
    )
    return Limited(
        limit=limit,
        latency=tuple(
            timing.model_copy(update={"limit": share})
            for timing, share in zip(latency, shares, strict=True)
        ),
    )


def measured_limit(asked: SessionOptions) -> MachineLimit:
    """Return the provider's best at a product of matrices, and at a copy.

    Raises:
        UnusableError: the provider cannot compute one.
        UnfinishedError: there is not memory enough, or a run failed.
        ImportError: onnx is not installed, which makes the graphs.
    """
    sizes = _GPU if asked.provider in GPU_PROVIDERS else _CPU
    if available_memory_bytes() < sizes.memory_bytes:
        raise UnfinishedError(
            "memory", f"wanted {sizes.memory_bytes >> 20} MiB of free memory to copy in"
        )
    wait_for_idle_threads()
    flops, peak_size = _best_product(asked, sizes.products)
    copiers = [OnnxRunner(_graph(operator, "rows", COLUMNS), asked) for operator in sizes.operators]
    return MachineLimit(
        peak_gflops=flops / 1e9,
        peak_size=peak_size,
        copies=tuple(_copy_rate(copiers, rows) for rows in sizes.rows),
        threads=copiers[0].threads,
    )


def _best_product(asked: SessionOptions, sizes: Iterable[int]) -> tuple[float, int]:
    """Return the best rate of all sizes, operations a second, and its size."""
    found: list[tuple[float, int]] = []
    for size in sizes:
        random = np.random.default_rng(0)  # on zeros GPUs draw less power, and are faster
        weight, values = random.random((2, size, size), dtype=np.float32)
        runner = OnnxRunner(_graph("MatMul", size, size, weight), asked)
        seconds = fastest_seconds(runner.bound(values, "result", size))
        found.append((2 * size**3 / seconds, size))
        if seconds > LONG_SECONDS:
            break
    return max(found)


def _copy_rate(copiers: Sequence[OnnxRunner], rows: int) -> CopyRate:
    values = np.ones((rows, COLUMNS), np.float32)
    seconds = min(fastest_seconds(one.bound(values, "result", COLUMNS)) for one in copiers)
    return CopyRate(moved_bytes=2 * values.nbytes, gb_per_second=2 * values.nbytes / seconds / 1e9)


def fastest_seconds(call: Callable[[], object], least_seconds: float = SECONDS_EACH) -> float:
    """Return the seconds of the fastest call: what disturbs a call only makes it slower.

    Args:
        call: what is timed; a first time does not count.
        least_seconds: of all calls together; there are some even where one takes longer.
    """
    call()
    seconds: list[float] = []
    while len(seconds) < LEAST_CALLS or sum(seconds) < least_seconds:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _graph(
    operator: str, rows: int | str, columns: int, weight: NDArray[np.float32] | None = None
) -> bytes:
    """Return a graph of one node from float32 `values` [rows, columns] to `result`, as large."""
    from onnx import TensorProto, helper, numpy_helper

    weights = [] if weight is None else [numpy_helper.from_array(weight, "weight")]
    graph = helper.make_graph(
        [helper.make_node(operator, ["values", *(one.name for one in weights)], ["result"])],
        "limit",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, [rows, columns])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, [rows, columns])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def _work_by_batch_size(opened: Opened, batch_sizes: Sequence[int]) -> dict[int, Work]:
    """Count in a child process: the file may be a stranger's, and shape inference is native."""
    channels, height, width = opened.dataset.image_shape
    is_nhwc = opened.form.layout == "nhwc"
    image = (height, width, channels) if is_nhwc else (channels, height, width)
    seconds = min(MOST_SECONDS_TO_COUNT, opened.runner.asked.timeout_seconds)
    counted = result_in_child(
        "evaluate.counted_work:counted_work",
        {
            "onnx_file": str(opened.subject.onnx),
            "shapes": [(size, *image) for size in batch_sizes],
        },
        Limits(seconds=seconds, memory_bytes=available_memory_bytes()),
    )
    return {size: Work(**one) for size, one in zip(batch_sizes, counted, strict=True)}
