"""OpenVINO: a plug-in of ONNX Runtime that brings devices, and options that cannot be ignored.

The plug-in takes every option and ignores those that it does not know, also what earlier builds
called `device_type`, `precision` and `num_of_threads`. OpenVINO's devices refuse what they do not
know. So the device is chosen here, and all other options are properties of the device, as OpenVINO
names them, which reach it by way of `load_config`.
"""

import importlib
import json
import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

from artifacts.environment import usable_cpus
from errors import UnusableError, UsageError
from evaluate.session_options import DEVICE_TYPE, OPENVINO, SessionOptions

FULL_NAME = "OpenVINOExecutionProvider"
PACKAGE = "onnxruntime-ep-openvino"
CONFIG = "load_config"  # the plug-in's option: properties by device, as JSON
_MODULE = "onnxruntime_ep_openvino"
_SUBJECT = f"--provider {OPENVINO}"


class Device(Protocol):
    """A device as ONNX Runtime lists it: OrtEpDevice."""

    ep_name: str
    ep_metadata: dict[str, str]


AnyDevice = TypeVar("AnyDevice", bound=Device)


def library_path() -> str:
    """Return where the plug-in's library is.

    Raises:
        UnusableError: its package is not installed, or not as a whole.
    """
    try:
        path: str = importlib.import_module(_MODULE).get_library_path()
    except ImportError as error:
        raise UnusableError(
            _SUBJECT,
            f"not usable here: {PACKAGE} is not installed",
            hint="pip install '.[openvino]'",
        ) from error
    except FileNotFoundError as error:
        raise UnusableError(
            _SUBJECT,
            f"not usable here: {PACKAGE} has lost its library",
            hint=f"pip install --force-reinstall {PACKAGE}",
        ) from error
    return path


def device_for(devices: Iterable[AnyDevice], asked: SessionOptions) -> AnyDevice:
    """Return the device that was asked for.

    Args:
        devices: all that ONNX Runtime lists, the plug-in's library being loaded.
        asked: what the session is to be.

    Raises:
        UnusableError: it is not among them.
    """
    # What chooses a device by itself (AUTO) has another name: where it computes is not told.
    found = {
        device.ep_metadata.get("ov_device", "?"): device
        for device in devices
        if device.ep_name == FULL_NAME
    }
    wanted = _device_type(asked)
    if not found:
        raise UnusableError(
            _SUBJECT,
            "not usable here: OpenVINO finds no device of its own in this machine",
            hint="it wants a CPU, GPU or NPU of Intel",
        )
    if wanted not in found:
        names = ", ".join(sorted(found))
        raise UnusableError(
            _SUBJECT,
            f"not usable here: OpenVINO finds no device {wanted!r}, only {names}",
            hint=f"name one with --provider-option {DEVICE_TYPE}=NAME",
        )
    return found[wanted]


def plugin_options(asked: SessionOptions, threads: int) -> dict[str, str]:
    """Return the options that the plug-in is given.

    Args:
        asked: what the session is to be.
        threads: that a CPU computes with.

    Raises:
        UsageError: those are more than there are CPUs, of which OpenVINO would say nothing.
    """
    device = _device_type(asked)
    own = {}
    if device == "CPU":
        if threads > usable_cpus():
            found = f"{usable_cpus()} CPUs that this process may use"
            raise UsageError("--threads", f"OpenVINO takes no more than one for each of {found}")
        # Without the second, only one of the two CPUs that a core may have counts.
        own = {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_HYPER_THREADING": "YES"}
    given = {k: v for k, v in asked.all_provider_options.items() if k != DEVICE_TYPE}
    return {CONFIG: json.dumps({device: {**own, **given}})}


def refused_option(asked: SessionOptions, failure: str) -> UsageError | None:
    """Return that a device refused a property, or None where the failure speaks of none."""
    for line in failure.splitlines():
        for name in asked.all_provider_options:
            if "property" in line and re.search(rf"\b{re.escape(name)}\b", line):
                return UsageError(f"--provider-option {name}", f"OpenVINO says: {line.strip()}")
    return None


def _device_type(asked: SessionOptions) -> str:
    return asked.all_provider_options[DEVICE_TYPE]
