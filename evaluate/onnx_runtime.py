"""The only file that runs ONNX Runtime: sessions on the provider that was asked for, or an error.

ONNX Runtime's list of available providers says what it was built with, not what works; and a
session that cannot have its provider quietly takes the CPU. So the fallback is switched off, the
session is asked what it got, and every node's place is read back.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from artifacts.environment import usable_cpus
from artifacts.export_records import TensorSpec
from artifacts.logits import Logits
from errors import UnfinishedError, UnusableError, UsageError
from evaluate.native_output import captured_native_output
from evaluate.openvino import CONFIG, plugin_options, refused_option
from evaluate.providers import full_name_of, load_gpu_libraries, openvino_device
from evaluate.runtime_errors import reason, run_error, unknown_option, unusable
from evaluate.session_options import GPU_PROVIDERS, OPENVINO, SessionOptions
from evaluate.thread_places import affinities_of_workers
from evaluate.watchdog import WATCHDOG, Watch

CPU = "CPUExecutionProvider"
_NUMPY_NAMES = {"float": "float32", "double": "float64"}  # ONNX Runtime's others are numpy's
# What it prints of a run that fails is in the exception too; standard error is ours.
_SILENT = 4


class OnnxRunner:
    """A loaded ONNX file, whose runs are ended where they last too long; one runs at a time.

    Attributes:
        name: of the file.
        asked: what it was to be.
        full_name: ONNX Runtime's name of the provider that was asked for.
        session_providers: full names of those that the session has.
        nodes: how many nodes of the optimized graph each provider runs.
        copies: how many of them copy between devices.
        threads: of ONNX Runtime's intra-op pool.
        load_ms: milliseconds to load, optimize and place the graph.
        inputs: of the graph, those without a value of their own.
        outputs: of the graph.
        metadata: that the file carries, by its keys.
    """

    def __init__(
        self,
        model: Path | bytes,
        asked: SessionOptions | None = None,
        directory: Path | None = None,
    ) -> None:
        """Load the model on that provider alone; the CPU if none is named.

        Args:
            model: a file, or what is in one.
            asked: what the session is to be.
            directory: of the files that have weights of a model that is no file.

        Raises:
            UsageError: ONNX Runtime knows no such provider, or the provider no such option.
            UnusableError: the provider does not work here, or took only a part of the graph.
            UnfinishedError: the file cannot be loaded at all.
        """
        self.name = "graph" if isinstance(model, bytes) else str(model)
        self.asked = asked = asked or SessionOptions()
        self.full_name = full_name_of(asked.provider)
        self.threads = asked.threads or usable_cpus()
        self._session, self.load_ms = self._opened(model, directory)
        self.session_providers = tuple(self._session.get_providers())
        self._require_options()
        placed = [
            (subgraph.ep_name, node.op_type)
            for subgraph in self._session.get_provider_graph_assignment_info()
            for node in subgraph.get_nodes()
        ]
        self.nodes = dict(Counter(name for name, _ in placed))
        self.copies = sum(op_type.startswith("Memcpy") for _, op_type in placed)
        self.inputs = _tensor_specs(self._session.get_inputs())
        self.outputs = _tensor_specs(self._session.get_outputs())
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._watch = WATCHDOG.watch(self.name, asked.timeout_seconds)

    def _opened(
        self, model: Path | bytes, directory: Path | None
    ) -> tuple[onnxruntime.InferenceSession, float]:
        """Return a session on the provider that is asked for, and the milliseconds it took."""
        asked = self.asked
        device, options = None, asked.all_provider_options
        if asked.provider == OPENVINO:
            device, options = openvino_device(asked), plugin_options(asked, self.threads)
        content = model if isinstance(model, bytes) else str(model)
        start = time.perf_counter()
        failure: Exception | None = None
        with captured_native_output() as printed:
            try:
                load_gpu_libraries(asked)
                settings = self._settings(directory)
                providers = None
                if device is None:
                    providers = [(self.full_name, options)]
                else:
                    settings.add_provider_for_devices([device], options)
                session = onnxruntime.InferenceSession(
                    content, settings, providers=providers, enable_fallback=False
                )
            except Exception as error:  # its errors share no base class but this one
                failure = error
        load_ms = (time.perf_counter() - start) * 1000
        if failure is not None:
            raise self._load_error(model, directory, failure, printed.text) from failure
        if (given := session.get_providers()[0]) != self.full_name:
            raise unusable(asked.provider, f"ONNX Runtime gave {given}", printed.text)
        return session, load_ms

    def _settings(self, directory: Path | None) -> onnxruntime.SessionOptions:
        settings = _settings_with_weights(directory)
        settings.intra_op_num_threads = self.threads
        if affinities := affinities_of_workers(self.threads):
            settings.add_session_config_entry("session.intra_op_thread_affinities", affinities)
        settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        # ONNX Runtime refuses this entry where the CPU is what was asked for.
        if self.full_name != CPU and not self.asked.allow_cpu_nodes:
            settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        if not self.asked.busy_wait:
            settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not self.asked.optimize:
            level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            settings.graph_optimization_level = level
        return settings

    def _load_error(
        self, model: Path | bytes, directory: Path | None, failure: Exception, printed: str
    ) -> UsageError | UnusableError | UnfinishedError:
        provider = self.asked.provider
        for option in self.asked.provider_options:
            if f'nknown provider option: "{option}"' in f"{printed}\n{failure}":
                return unknown_option(provider, option, "ONNX Runtime does not know it")
        if provider == OPENVINO and (refused := refused_option(self.asked, str(failure))):
            return refused
        if self.full_name == CPU or not loads_on_cpu(model, directory):
            problem = f"ONNX Runtime cannot load it: {reason(failure)}"
            return UnfinishedError(self.name, problem)
        return unusable(provider, str(failure), printed)

    def _require_options(self) -> None:
        """Refuse options that the session does not have: the CPU provider ignores them all."""
        had = self._session.get_provider_options().get(self.full_name, {})
        asked = (CONFIG,) if self.asked.provider == OPENVINO else self.asked.provider_options
        for name in asked:
            if name not in had:
                known = ", ".join(sorted(had)) or "none at all"
                raise unknown_option(self.asked.provider, name, f"it has {known}")

    def run(self, values: NDArray[np.generic], output: str | None = None) -> NDArray[Any]:
        """Return an output, the first unless named, for the values of the first input.

        Raises:
            UnfinishedError: ONNX Runtime could not run the graph on them, or not in time.
        """
        result: NDArray[Any] = self._run([output or self.outputs[0].name], values)[0]
        return result

    def run_all(self, values: NDArray[np.generic]) -> dict[str, NDArray[Any]]:
        """Return every output by its name, for the values of the first input.

        Raises:
            UnfinishedError: ONNX Runtime could not run the graph on them, or not in time.
        """
        results = self._run(None, values)
        return dict(zip((output.name for output in self.outputs), results, strict=True))

    def limit_runs(self, seconds: float) -> None:
        """End later runs after so many seconds."""
        WATCHDOG.limit(self._watch, seconds)

    def _run(self, names: list[str] | None, values: NDArray[np.generic]) -> list[Any]:
        options = onnxruntime.RunOptions()
        options.log_severity_level = _SILENT
        self._watch.running = (time.monotonic(), options)
        try:
            results: list[Any] = self._session.run(names, {self.inputs[0].name: values}, options)
        except Exception as error:  # its errors share no base class but this one
            raise run_error(self._watch, error, is_ended=options.terminate) from error
        finally:
            self._watch.running = None
        return results

    def bound(self, values: NDArray[np.generic], output: str, classes: int) -> "BoundRun":
        """Return a run whose input and output lie on the provider's own device.

        Raises:
            UnfinishedError: ONNX Runtime could not put them there.
        """
        device = "cuda" if self.asked.provider in GPU_PROVIDERS else "cpu"
        name = self.inputs[0].name
        try:
            return BoundRun(self._session, self._watch, name, values, output, classes, device)
        except Exception as error:  # its errors share no base class but this one
            raise run_error(self._watch, error, is_ended=False) from error


class BoundRun:
    """One batch that lies on a device, with the place for its logits (IO binding)."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        watch: Watch,
        name: str,
        values: NDArray[np.generic],
        output: str,
        classes: int,
        device: str,
    ) -> None:
        self._session = session
        self._watch = watch
        shape = (len(values), classes)
        make = onnxruntime.OrtValue
        self._nothing = np.full(shape, np.nan, dtype=np.float32)
        self._values = make.ortvalue_from_numpy(values, device, 0)
        self._logits = make.ortvalue_from_numpy(self._nothing.copy(), device, 0)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(name, self._values)
        self._binding.bind_ortvalue_output(output, self._logits)
        # One captured CUDA graph for each shape, where the session captures them.
        self._graph_id = str(len(values))

    def __call__(self) -> None:
        """Run once; return when the device has finished.

        Raises:
            UnfinishedError: ONNX Runtime could not run the graph, or not in time.
        """
        options = onnxruntime.RunOptions()
        options.log_severity_level = _SILENT
        options.add_run_config_entry("gpu_graph_id", self._graph_id)
        self._watch.running = (time.monotonic(), options)
        try:
            self._session.run_with_iobinding(self._binding, options)
            self._binding.synchronize_outputs()
        except Exception as error:  # its errors share no base class but this one
            raise run_error(self._watch, error, is_ended=options.terminate) from error
        finally:
            self._watch.running = None

    def forget(self) -> None:
        """Put NaN where the logits go, so that only a run can put logits there."""
        self._logits.update_inplace(self._nothing)

    def logits(self) -> Logits:
        """Return what the last run left, float32 logits_NK."""
        result: Logits = np.array(self._logits.numpy())
        return result


def _tensor_specs(values: Sequence[Any]) -> tuple[TensorSpec, ...]:
    specs = []
    for value in values:
        dtype = value.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple("?" if length is None else length for length in value.shape)
        specs.append(TensorSpec(name=value.name, dtype=_NUMPY_NAMES.get(dtype, dtype), shape=shape))
    return tuple(specs)


def _settings_with_weights(directory: Path | None) -> onnxruntime.SessionOptions:
    """Return settings of a session whose model has weights in files of that directory."""
    settings = onnxruntime.SessionOptions()
    if directory is not None:
        settings.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(directory)
        )
    return settings


def loads_on_cpu(model: Path | bytes, directory: Path | None = None) -> bool:
    """Return whether the CPU, with all operators there are, can load it."""
    content = model if isinstance(model, bytes) else str(model)
    with captured_native_output():
        try:
            onnxruntime.InferenceSession(
                content,
                _settings_with_weights(directory),
                providers=[CPU],
                enable_fallback=False,
            )
        except Exception:  # its errors share no base class but this one
            return False
    return True
