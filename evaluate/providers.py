"""Which execution providers there are, and what has to be loaded before a session can have one.

It asks ONNX Runtime, and runs nothing on it. Most providers are built in; OpenVINO is a plug-in.
"""

import functools
import os
from typing import Any

import onnxruntime

from artifacts.environment import installed_versions
from artifacts.evaluation_records import PROVIDER_SUFFIX
from errors import UnusableError, UsageError
from evaluate import openvino
from evaluate.native_output import captured_native_output
from evaluate.runtime_errors import unusable
from evaluate.session_options import GPU_PROVIDERS, OPENVINO, SessionOptions

ONNX_RUNTIME_VERSION: str = onnxruntime.__version__
# As long as no plug-in is loaded, what is available is what is built in.
_BUILT_IN: tuple[str, ...] = tuple(onnxruntime.get_available_providers())


def offered_providers() -> tuple[str, ...]:
    """Return short names of the providers that can be asked for: those built in, and plug-ins.

    That a provider is among them does not mean that it works.
    """
    built_in = (_short_name(name) for name in _BUILT_IN)
    return tuple(dict.fromkeys((*built_in, OPENVINO)))


def full_name_of(provider: str) -> str:
    """Return ONNX Runtime's name of a provider that can be asked for.

    Raises:
        UsageError: ONNX Runtime knows no such provider.
        UnusableError: this one was built without it.
    """
    known: dict[str, str] = {_short_name(name): name for name in onnxruntime.get_all_providers()}
    offered = ", ".join(sorted(offered_providers()))
    if provider not in known:
        raise UsageError("--provider", f"unknown provider {provider!r}: wanted one of {offered}")
    if provider not in offered_providers():
        raise UnusableError(
            f"--provider {provider}",
            f"ONNX Runtime {ONNX_RUNTIME_VERSION} as installed has only {offered}",
            hint="install a build that has it, such as onnxruntime-gpu for cuda",
        )
    return known[provider]


def engine_of(provider: str) -> str:
    """Return what computes on a provider, with its version."""
    runtime = f"ONNX Runtime {ONNX_RUNTIME_VERSION}"
    if provider != OPENVINO:
        return runtime
    version = installed_versions((openvino.PACKAGE,)).get(openvino.PACKAGE)
    return f"{runtime} with {openvino.PACKAGE} {version}"


def load_gpu_libraries(asked: SessionOptions) -> None:
    """Load what a provider of GPUs needs, where one is asked for."""
    if asked.provider not in GPU_PROVIDERS:
        return
    if asked.provider == "tensorrt":  # has no option for it; NVIDIA's libraries read this name
        os.environ.pop("NVIDIA_TF32_OVERRIDE", None)
        if not asked.tf32:
            os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    onnxruntime.preload_dlls()  # finds the CUDA that was installed with torch


def openvino_device(asked: SessionOptions) -> Any:
    """Return the device of OpenVINO that was asked for, as a session takes it.

    Raises:
        UnusableError: the plug-in or the device is not here, or does not work.
    """
    return openvino.device_for(_devices_with_openvino(), asked)


@functools.cache  # a library can be registered once in a process
def _devices_with_openvino() -> tuple[Any, ...]:
    path = openvino.library_path()
    failure: Exception | None = None
    with captured_native_output() as printed:
        try:
            onnxruntime.register_execution_provider_library(OPENVINO, path)
        except Exception as error:  # its errors share no base class but this one
            failure = error
    if failure is not None:
        raise unusable(OPENVINO, str(failure), printed.text) from failure
    return tuple(onnxruntime.get_ep_devices())


def _short_name(full_name: str) -> str:
    return full_name.removesuffix(PROVIDER_SUFFIX).lower()
