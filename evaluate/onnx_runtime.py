"""The only file that runs ONNX Runtime: sessions on the provider that was asked for, or an error.

ONNX Runtime's list of available providers says what it was built with, not what works; and a
session that cannot have its provider quietly takes the CPU. So the fallback is switched off, the
session is asked what it got, and every node's place is read back.
"""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime

from artifacts.environment import usable_cpus
from artifacts.logits import Images, Logits
from errors import UnfinishedError, UnusableError, UsageError
from evaluate.native_output import captured_native_output
from evaluate.provider_errors import cause_and_remedy

CPU = "CPUExecutionProvider"
_SUFFIX = "ExecutionProvider"
# Needed on the same terms as PyTorch, which is told the same (models.devices.forbid_tf32).
_DEFAULT_OPTIONS = {"cuda": {"use_tf32": "0"}}
_NEEDS_CUDA_LIBRARIES = ("cuda", "tensorrt")


class OnnxRunner:
    """A loaded ONNX file: uint8 images_NCHW in, float32 logits_NK out.

    Attributes:
        requested: short name of the provider that was asked for.
        session_providers: full names of those that the session has.
        nodes: how many nodes of the optimized graph each provider runs.
        copies: how many of them copy between devices.
        options: of the provider, as they were set.
        threads: of ONNX Runtime's intra-op pool.
        load_ms: milliseconds to load, optimize and place the graph.
    """

    def __init__(self, model: Path | bytes, provider: str, *, threads: int | None = None) -> None:
        """Load the model on that provider alone.

        Raises:
            UsageError: ONNX Runtime knows no such provider.
            UnusableError: the provider does not work here, or took only a part of the graph.
            UnfinishedError: the file cannot be loaded at all.
        """
        full_name = _full_name(provider)
        self.requested = provider
        self.options = _DEFAULT_OPTIONS.get(provider, {})
        self.threads = threads or usable_cpus()
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self.threads
        settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if full_name != CPU:  # ONNX Runtime refuses this entry where the CPU is what was asked for
            settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        content = model if isinstance(model, bytes) else str(model)
        start = time.perf_counter()
        failure: Exception | None = None
        with captured_native_output() as printed:
            try:
                if provider in _NEEDS_CUDA_LIBRARIES:
                    onnxruntime.preload_dlls()  # finds the CUDA that was installed with torch
                self._session = onnxruntime.InferenceSession(
                    content, settings, providers=[(full_name, self.options)], enable_fallback=False
                )
            except Exception as error:  # its errors share no base class but this one
                failure = error
        self.load_ms = (time.perf_counter() - start) * 1000
        if failure is not None:
            raise _load_error(provider, model, failure, printed.text) from failure
        self.session_providers = tuple(self._session.get_providers())
        if self.session_providers[0] != full_name:
            raise _unusable(
                provider, f"ONNX Runtime gave {self.session_providers[0]}", printed.text
            )
        placed = [
            (subgraph.ep_name, node.op_type)
            for subgraph in self._session.get_provider_graph_assignment_info()
            for node in subgraph.get_nodes()
        ]
        self.nodes = dict(Counter(name for name, _ in placed))
        self.copies = sum(op_type.startswith("Memcpy") for _, op_type in placed)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [self._session.get_outputs()[0].name]

    def logits(self, images: Images) -> Logits:
        """Return logits_NK of uint8 images_NCHW.

        Raises:
            UnfinishedError: ONNX Runtime could not run the graph on them.
        """
        try:
            result: Logits = self._session.run(self._outputs, {self._input: images})[0]
        except Exception as error:  # its errors share no base class but this one
            reason = str(error).strip().splitlines()[0]
            raise UnfinishedError("ONNX Runtime", f"the graph failed: {reason}") from error
        return result


def built_in_providers() -> tuple[str, ...]:
    """Return short names of the providers that this ONNX Runtime was built with.

    That a provider is among them does not mean that it works.
    """
    return tuple(_short_name(name) for name in onnxruntime.get_available_providers())


def provider_failure(provider: str) -> UnusableError | UnfinishedError | None:
    """Return why the provider cannot run a graph of one node here, or None where it can."""
    try:
        runner = OnnxRunner(_one_node_graph(), provider)
        images = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
        if not np.array_equal(runner.logits(images), images.astype(np.float32)):
            return UnfinishedError(provider, "computes a wrong answer")
    except (UnusableError, UnfinishedError) as error:
        return error
    return None


def _one_node_graph() -> bytes:
    from onnx import TensorProto, helper

    shape: list[str | int | None] = ["batch", 1, 2, 2]
    graph = helper.make_graph(
        [helper.make_node("Cast", ["images"], ["logits"], to=TensorProto.FLOAT)],
        "one_node",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def _full_name(provider: str) -> str:
    """Return ONNX Runtime's name of a provider, whether it was built in or not."""
    known: dict[str, str] = {_short_name(name): name for name in onnxruntime.get_all_providers()}
    built_in = ", ".join(sorted(built_in_providers()))
    if provider not in known:
        raise UsageError("--provider", f"unknown provider {provider!r}: wanted one of {built_in}")
    if provider not in built_in_providers():
        raise UnusableError(
            f"--provider {provider}",
            f"ONNX Runtime {onnxruntime.__version__} as installed has only {built_in}",
            hint="install a build that has it, such as onnxruntime-gpu for cuda",
        )
    return known[provider]


def _short_name(full_name: str) -> str:
    return full_name.removesuffix(_SUFFIX).lower()


def _load_error(
    provider: str, model: Path | bytes, failure: Exception, printed: str
) -> UnusableError | UnfinishedError:
    if provider == _short_name(CPU) or not _loads_on_cpu(model):
        name = "graph" if isinstance(model, bytes) else str(model)
        reason = str(failure).strip().splitlines()[0]
        return UnfinishedError(name, f"ONNX Runtime cannot load it: {reason}")
    return _unusable(provider, str(failure), printed)


def _loads_on_cpu(model: Path | bytes) -> bool:
    """Return whether it is the provider's fault, rather than the file's, that loading failed."""
    content = model if isinstance(model, bytes) else str(model)
    with captured_native_output():
        try:
            onnxruntime.InferenceSession(content, providers=[CPU], enable_fallback=False)
        except Exception:  # its errors share no base class but this one
            return False
    return True


def _unusable(provider: str, failure: str, printed: str) -> UnusableError:
    cause, remedy = cause_and_remedy(failure, printed)
    return UnusableError(f"--provider {provider}", f"not usable here: {cause}", hint=remedy)
