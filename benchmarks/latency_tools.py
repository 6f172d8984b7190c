"""Medians at batch 1 of one ONNX file by the tools people use; started by benchmarks.harnesses.

    python -m benchmarks.latency_tools TOOL FILE.onnx THREADS SECONDS

Answers one question with the median that the tool itself reports. Each is called as its users call
it, on the CPU, with its own default number of runs. Where that default is a single run, or a time
of its own, it is said below. Runs in the environment of the tool: standard library, and the tool.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.answering import Answer, Question, answer_lines

CPU = "CPUExecutionProvider"
WARM_UP_SECONDS = 0.2  # of the bare loop
# Polygraphy runs once by default, which is no median: its options --iterations and --warm-up.
POLYGRAPHY_ITERATIONS = 1000
POLYGRAPHY_WARM_UP = 10


def bare_loop(file: Path, threads: int, seconds: float) -> Answer:
    """Return the median of as many `session.run` calls as fit in the seconds."""
    import numpy as np

    session = _session(file, threads)
    given = session.get_inputs()[0]
    dtype = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}[given.type]
    values = np.random.default_rng(0).integers(0, 256, (1, *given.shape[1:])).astype(dtype)
    feed, names = {given.name: values}, ["logits"]
    clock = time.perf_counter_ns
    warm = clock() + int(WARM_UP_SECONDS * 1e9)
    while clock() < warm:
        session.run(names, feed)
    samples = []
    gc.disable()
    end = clock() + int(seconds * 1e9)
    while clock() < end:
        start = clock()
        session.run(names, feed)
        samples.append(clock() - start)
    return {"median_ms": statistics.median(samples) / 1e6, "samples": len(samples)}


def optimum_benchmark(file: Path, threads: int, seconds: float) -> Answer:
    """Return the median of optimum-benchmark's inference scenario.

    It warms up and has a default of at least 10 runs and 10 seconds, which the caller passes on as
    `seconds`. This process being its own, the scenario runs in it (`inline`), not in a further one.
    """
    _let_optimum_benchmark_start()
    from optimum_benchmark import (
        Benchmark,
        BenchmarkConfig,
        InferenceConfig,
        InlineConfig,
        ORTConfig,
    )

    report = Benchmark.launch(
        BenchmarkConfig(
            name="latency",
            launcher=InlineConfig(),
            scenario=InferenceConfig(input_shapes={"batch_size": 1}, duration=seconds),
            backend=ORTConfig(
                model=str(file.parent),
                task="image-classification",
                library="transformers",
                model_type="resnet",
                device="cpu",
                session_options={"intra_op_num_threads": threads},
            ),
        )
    )
    latency = report.forward.latency
    return {"median_ms": float(latency.p50) * 1000, "samples": latency.count}


def _let_optimum_benchmark_start() -> None:
    """Put back a name that its ONNX Runtime backend imports and optimum 2 no longer has.

    Release 0.6 does not start beside optimum 2 otherwise. Nothing that is timed is touched.
    """
    import optimum.pipelines
    from optimum.onnxruntime import ORTModelForImageClassification

    tasks = {"image-classification": {"class": (ORTModelForImageClassification,)}}
    optimum.pipelines.ORT_SUPPORTED_TASKS = tasks


def olive(file: Path, threads: int, _seconds: float) -> Answer:
    """Return the median of Olive's evaluator: 20 runs after 10 that warm up, its defaults."""
    import onnx
    from olive.data.template import dummy_data_config_template
    from olive.evaluator.metric import LatencySubType, Metric, MetricType
    from olive.evaluator.metric_config import REPEAT_TEST_NUM
    from olive.evaluator.olive_evaluator import OnnxEvaluator
    from olive.hardware import Device
    from olive.model import ONNXModelHandler

    given = onnx.load(file).graph.input[0]
    shape = [1, *(size.dim_value for size in given.type.tensor_type.shape.dim[1:])]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type).name
    metric = Metric(
        name="latency",
        type=MetricType.LATENCY,
        sub_types=[{"name": LatencySubType.P50}],
        # The batch is dynamic, so it has to be told the shapes of the values it makes up.
        data_config=dummy_data_config_template([shape], [given.name], [dtype]),
    )
    settings = {"session_options": {"intra_op_num_threads": threads}}
    model = ONNXModelHandler(str(file), inference_settings=settings)
    result = OnnxEvaluator().evaluate(model, [metric], Device.CPU, [CPU])
    return {"median_ms": result["latency-p50"].value, "samples": REPEAT_TEST_NUM}


def polygraphy(file: Path, threads: int, _seconds: float) -> Answer:
    """Return the median of the run times that Polygraphy's comparator keeps."""
    from polygraphy.backend.onnxrt import OnnxrtRunner
    from polygraphy.comparator import Comparator, DataLoader

    results = Comparator.run(
        # Its own loader takes as many threads as there are CPUs, and has no option for it.
        [OnnxrtRunner(lambda: _session(file, threads))],
        data_loader=DataLoader(iterations=POLYGRAPHY_ITERATIONS),
        warm_up=POLYGRAPHY_WARM_UP,
    )
    ((_, iterations),) = results.items()
    milliseconds = [1000 * iteration.runtime for iteration in iterations]
    return {"median_ms": statistics.median(milliseconds), "samples": len(milliseconds)}


def _session(file: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=[CPU])


# By name: what measures, and the packages whose versions it is.
TOOLS: dict[str, tuple[Callable[[Path, int, float], Answer], tuple[str, ...]]] = {
    "bare": (bare_loop, ()),
    "optimum-benchmark": (optimum_benchmark, ("optimum-benchmark", "optimum", "optimum-onnx")),
    "olive": (olive, ("olive-ai",)),
    "polygraphy": (polygraphy, ("polygraphy",)),
}


def transformers_folder(folder: Path, image_size: int, channels: int) -> None:
    """Write what makes a folder with a model.onnx one of transformers' image classifiers."""
    config = {
        "model_type": "resnet",
        "architectures": ["ResNetForImageClassification"],
        "num_channels": channels,
        "image_size": image_size,
        "id2label": {str(label): str(label) for label in range(10)},
    }
    (folder / "config.json").write_text(json.dumps(config))


def _make() -> tuple[Answer, Callable[[Question], Answer]]:
    tool, file, threads, seconds = sys.argv[1:]
    measure, packages = TOOLS[tool]
    facts = {name: version(name) for name in (*packages, "onnxruntime-gpu")}
    return facts, lambda _question: measure(Path(file), int(threads), float(seconds))


if __name__ == "__main__":
    answer_lines(_make)
