"""Ways to set up a session of ONNX Runtime's CPU provider, each one change of what ours is.

Whatever gains here, at no cost to exactness, is worth being the default. The others stay in the
list: that they gain nothing is a finding too.
"""

import math
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.engines.files import ONNX
from benchmarks.engines.opened import OURS, Call, Engine, onnxproof

Setup = Callable[[Path, int], Call | Engine]
_FACTS = {"versions": {"onnxruntime": version("onnxruntime-gpu")}}
SLICE = 8  # images; activations of ResNet-18's first layers then fit a core's second cache


def opened_setting(name: str, folder: Path, threads: int) -> Engine:
    """Return the session of that name; ours is what all are held against."""
    if name == OURS:
        return onnxproof(folder, threads)
    made = SETTINGS[name](folder, threads)
    return made if isinstance(made, Engine) else Engine(call=made, facts=_FACTS)


def _session(file: Path, threads: int, entries: dict[str, str], **options: Any) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    for key, value in entries.items():
        settings.add_session_config_entry(key, value)
    for name, value in options.items():
        setattr(settings, name, value)
    return onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])


def _call(session: Any) -> Call:
    given, names = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    return lambda images: session.run(names, {given: images})[0]


def _entry(key: str, value: str) -> Setup:
    return lambda folder, threads: _call(_session(folder / ONNX, threads, {key: value}))


def _option(name: str, value: Any) -> Setup:
    return lambda folder, threads: _call(_session(folder / ONNX, threads, {}, **{name: value}))


def _level(name: str) -> Setup:
    def setup(folder: Path, threads: int) -> Call:
        import onnxruntime

        level = getattr(onnxruntime.GraphOptimizationLevel, name)
        return _call(_session(folder / ONNX, threads, {}, graph_optimization_level=level))

    return setup


def _parallel_nodes(folder: Path, threads: int) -> Call:
    import onnxruntime

    mode = onnxruntime.ExecutionMode.ORT_PARALLEL
    return _call(_session(folder / ONNX, threads, {}, execution_mode=mode))


def _threads(change: Callable[[int], int]) -> Setup:
    return lambda folder, threads: _call(_session(folder / ONNX, change(threads), {}))


def _offline(folder: Path, threads: int) -> Call:
    """Return a session of the graph as ONNX Runtime wrote it after all its rewriting."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as name:
        written = Path(name) / ONNX
        _session(folder / ONNX, threads, {}, optimized_model_filepath=str(written))
        as_it_is = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return _call(_session(written, threads, {}, graph_optimization_level=as_it_is))


def _constant_batch(folder: Path, threads: int) -> Call:
    """Return sessions that know the batch size, one for each size."""
    import onnxruntime

    sessions: dict[int, Call] = {}

    def call(images: Any) -> Any:
        if len(images) not in sessions:
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = threads
            settings.add_free_dimension_override_by_name("batch", len(images))
            sessions[len(images)] = _call(
                onnxruntime.InferenceSession(
                    str(folder / ONNX), settings, providers=["CPUExecutionProvider"]
                )
            )
        return sessions[len(images)](images)

    return call


def _bound(folder: Path, threads: int) -> Call:
    """Return runs whose input and output are bound; images are copied in and logits out."""
    import numpy as np
    import onnxruntime

    session = _session(folder / ONNX, threads, {})
    bound: dict[int, tuple[Any, Any, Any]] = {}

    def call(images: Any) -> Any:
        if len(images) not in bound:
            place = np.empty_like(images)
            classes = session.get_outputs()[0].shape[1]
            logits = np.empty((len(images), classes), np.float32)
            binding = session.io_binding()
            make = onnxruntime.OrtValue.ortvalue_from_numpy  # on the CPU: the array's own memory
            binding.bind_ortvalue_input("images", make(place))
            binding.bind_ortvalue_output("logits", make(logits))
            bound[len(images)] = place, logits, binding
        place, logits, binding = bound[len(images)]
        np.copyto(place, images)
        session.run_with_iobinding(binding)
        return logits.copy()

    return call


def _without_preprocessing(folder: Path, threads: int) -> Engine:
    """Return the float graph within; who calls it normalizes before, outside of the clock."""
    import numpy as np
    import onnx

    model = onnx.load(folder / ONNX)
    nodes = model.graph.node
    mean, std = (
        onnx.numpy_helper.to_array(weight)
        for name in ("mean", "std")
        for weight in model.graph.initializer
        if weight.name == name
    )
    (normalized,) = (node.output[0] for node in nodes if "std" in node.input)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / ONNX
        onnx.utils.extract_model(str(folder / ONNX), str(file), [normalized], ["logits"])
        run = _call(_session(file, threads, {}))
    return Engine(
        call=run, facts=_FACTS, prepare=lambda images: (images.astype(np.float32) - mean) / std
    )


def _slices(folder: Path, threads: int) -> Call:
    """Return large batches computed in slices, one after the other."""
    import numpy as np

    run = _call(_session(folder / ONNX, threads, {}))

    def call(images: Any) -> Any:
        starts = range(0, len(images), SLICE)
        return np.concatenate([run(images[start : start + SLICE]) for start in starts])

    return call


def _shared_out(size: Callable[[int, int], int]) -> Setup:
    """Return batches shared out over threads, each of which computes its images alone.

    Args:
        size: of a part, from that of the batch and the number of threads.
    """

    def setup(folder: Path, threads: int) -> Call:
        import numpy as np

        run = _call(_session(folder / ONNX, 1, {}))
        pool = ThreadPoolExecutor(threads)

        def call(images: Any) -> Any:
            if len(images) == 1:
                return run(images)
            part = size(len(images), threads)
            starts = range(0, len(images), part)
            parts = [images[start : start + part] for start in starts]
            return np.concatenate(list(pool.map(run, parts)))

        return call

    return setup


SETTINGS: dict[str, Setup] = {
    "the same session, called without OnnxRunner": _threads(lambda threads: threads),
    "1 thread": _threads(lambda _: 1),
    "twice as many threads as CPUs": _threads(lambda threads: 2 * threads),
    "no spinning": _entry("session.intra_op.allow_spinning", "0"),
    "spinning for 1 ms": _entry("session.intra_op.spin_duration_us", "1000"),
    "spinning with pauses (backoff 8)": _entry("session.intra_op.spin_backoff_max", "8"),
    "no memory pattern": _option("enable_mem_pattern", False),
    "no arena": _option("enable_cpu_mem_arena", False),
    "basic optimizations": _level("ORT_ENABLE_BASIC"),
    "extended optimizations": _level("ORT_ENABLE_EXTENDED"),
    "layout optimizations": _level("ORT_ENABLE_LAYOUT"),
    "graph optimized offline": _offline,
    "denormals are zero": _entry("session.set_denormal_as_zero", "1"),
    "no prepacking": _entry("session.disable_prepacking", "1"),
    "nodes in parallel": _parallel_nodes,
    "dynamic blocks (base 4)": _entry("session.dynamic_block_base", "4"),
    "constant batch": _constant_batch,
    "bound input and output": _bound,
    "without preprocessing": _without_preprocessing,
    f"slices of {SLICE}": _slices,
    "batch shared out, a part a thread": _shared_out(lambda images, n: math.ceil(images / n)),
    f"batch shared out, {SLICE} images a part": _shared_out(lambda _images, _n: SLICE),
}
