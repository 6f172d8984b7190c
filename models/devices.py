"""Which device PyTorch computes on: the one that was asked for, or an error."""

import re

import torch

from errors import UnusableError, UsageError

_DEVICE = re.compile(r"cpu|mps|cuda(:(?P<index>[0-9]+))?")


def device_from_name(name: str) -> torch.device:
    """Return the device: `auto` is CUDA where it works, else the CPU; any other name is binding.

    Raises:
        UsageError: PyTorch knows no device of that name.
        UnusableError: it does, but there is none here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not (match := _DEVICE.fullmatch(name)):
        raise UsageError(
            "--device", f"unknown device {name!r}: wanted auto, cpu, cuda, cuda:N or mps"
        )
    # Read here rather than by torch.device, which keeps eight bits of the number.
    index = int(match["index"] or 0)
    if name.startswith("cuda") and index >= torch.cuda.device_count():
        raise UnusableError(
            "--device",
            f"{name}: PyTorch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices",
            hint="python cli.py doctor says why; --device cpu works everywhere",
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise UnusableError("--device", "mps: PyTorch sees no Metal device")
    return torch.device(name)


def set_tf32(allowed: bool) -> None:
    """Let float32 on CUDA be computed in TF32, or see that float32 means float32.

    PyTorch's convolutions use TF32 unless told not to. It keeps 10 bits of the mantissa (NVIDIA
    A100 whitepaper, 2020); a comparison where only one side uses it compares number formats, not
    networks.
    """
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
