"""The engines, each opened as its users open it, with the threads that it is given.

What an engine needs is imported when it is opened: OpenVINO's runs where torch need not be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.engines.files import ONNX, SPEC, WEIGHTS

Call = Callable[[Any], Any]  # uint8 images_NCHW to logits_NK, both numpy arrays


def _as_they_are(images: Any) -> Any:
    return images


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What runs the network.

    Attributes:
        call: one run; what the clock is put around.
        facts: precision, threads and versions.
        prepare: makes what `call` takes of uint8 images_NCHW, outside of the clock.
    """

    call: Call
    facts: dict[str, Any]
    prepare: Call = _as_they_are


def onnxproof(folder: Path, threads: int) -> Engine:
    """Return ONNX Runtime as `evaluate`, `predict` and `serve` open it."""
    from evaluate.onnx_runtime import OnnxRunner
    from evaluate.session_options import SessionOptions

    runner = OnnxRunner(folder / ONNX, SessionOptions(threads=threads))
    return Engine(call=runner.run, facts=_facts("float32", runner.threads, "onnxruntime-gpu"))


def onnx_runtime_defaults(folder: Path, _threads: int) -> Engine:
    """Return a bare session; how many threads it takes is its own choice."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    session = onnxruntime.InferenceSession(str(folder / ONNX))
    names = ["logits"]
    return Engine(
        call=lambda images: session.run(names, {"images": images})[0],
        facts=_facts("float32", "its own choice", "onnxruntime-gpu"),
    )


def pytorch_eager(folder: Path, threads: int) -> Engine:
    """Return the network in inference mode."""
    return _pytorch(folder, threads, lambda network: network)


def torch_compile(folder: Path, threads: int) -> Engine:
    """Return the network compiled by inductor: once for batches of 1, once for all others."""
    import torch

    return _pytorch(folder, threads, torch.compile)


def _pytorch(folder: Path, threads: int, made: Callable[[Any], Any]) -> Engine:
    import torch

    from artifacts.training_records import ModelSpec
    from models import build

    torch.set_num_threads(threads)
    spec = ModelSpec.model_validate_json((folder / SPEC).read_text())
    classifier = build(**spec.model_dump())
    classifier.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
    network = made(classifier.eval())

    @torch.inference_mode()
    def call(images: Any) -> Any:
        given = torch.from_numpy(images)
        if len(images) > 1:
            torch._dynamo.maybe_mark_dynamic(given, 0)
        return network(given).numpy()

    return Engine(call=call, facts=_facts("float32", torch.get_num_threads(), "torch"))


def openvino_float32(folder: Path, threads: int) -> Engine:
    """Return OpenVINO told to compute in float32."""
    return _openvino(folder, threads, {"INFERENCE_PRECISION_HINT": "f32"})


def openvino_default(folder: Path, threads: int) -> Engine:
    """Return OpenVINO in the precision that it chooses: bfloat16 where the CPU has it."""
    return _openvino(folder, threads, {})


def _openvino(folder: Path, threads: int, more: dict[str, str]) -> Engine:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, **more}
    compiled = openvino.Core().compile_model(str(folder / ONNX), "CPU", settings)
    request = compiled.create_infer_request()
    names = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return Engine(
        # Its input is not copied, which is its faster way; its output is, as the others' are.
        call=lambda images: request.infer([images], share_inputs=True)[0],
        facts=_facts(
            names.get(precision, precision),
            compiled.get_property("INFERENCE_NUM_THREADS"),
            "openvino",
        ),
    )


def _facts(precision: str, threads: int | str, package: str) -> dict[str, Any]:
    return {
        "precision": precision,
        "threads": threads,
        "versions": {package.removesuffix("-gpu"): version(package)},
    }


OURS, DEFAULTS, COMPILED = "onnxproof", "ONNX Runtime, defaults", "torch.compile"
OPENVINO = ("OpenVINO, float32", "OpenVINO, its default")
ENGINES: dict[str, Callable[[Path, int], Engine]] = {
    OURS: onnxproof,
    DEFAULTS: onnx_runtime_defaults,
    "PyTorch eager": pytorch_eager,
    COMPILED: torch_compile,
    OPENVINO[0]: openvino_float32,
    OPENVINO[1]: openvino_default,
}
