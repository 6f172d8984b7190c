"""A network from the user's own file, which is run as the user's own code.

What is run is what was hashed: the file is read once, and a cached `.pyc` beside it, which could
hold other code, is not looked at. Modules that it imports from its folder are Python's affair.
"""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from errors import ArtifactError, UsageError
from models.names import source_of
from models.trust import require_trusted
from models.user_code import told_as


def network_from_file(
    name: str,
    file: Path,
    file_sha256: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
) -> nn.Module:
    """Return what the file's function makes of `num_classes` and `in_channels`.

    Where the function has a parameter `image_size`, it is given (H, W) too. Modules beside the file
    can be imported by it.

    Args:
        name: FILE.py:FUNCTION.
        file: its path.
        file_sha256: that it must have.
        num_classes: K.
        in_channels: C.
        image_size: (H, W) in pixels.

    Raises:
        ArtifactError: the file is missing, not the one that it was, or not known to be the user's.
        UsageError: it has no such function, or the function does not make a module, or raises.
    """
    source = source_of(file)
    found = hashlib.sha256(source).hexdigest()
    if found != file_sha256:
        raise ArtifactError(
            str(file),
            "is not the file that the network was made from"
            f" (sha256 {file_sha256[:12]} wanted, {found[:12]} found)",
            hint="restore the file, or train again",
        )
    require_trusted(file, file_sha256)
    factory = _function(file, source, name.rpartition(":")[2])
    arguments: dict[str, object] = {"num_classes": num_classes, "in_channels": in_channels}
    if "image_size" in inspect.signature(factory).parameters:
        arguments["image_size"] = image_size
    with told_as(name):
        network = factory(**arguments)
    if not isinstance(network, nn.Module):
        raise UsageError(
            name, f"wanted a torch.nn.Module from the function, found {type(network).__name__}"
        )
    return network


@torch.no_grad()
def make_lazy_layers(network: nn.Module, name: str, image_shape: tuple[int, int, int]) -> None:
    """Give layers that wait for an image to know their shapes one of this C, H, W.

    Raises:
        UsageError: the network does not take it.
    """
    if not any(is_lazy(parameter) for parameter in network.parameters()):
        return
    training = network.training
    with told_as(f"--model {name}"):
        network.eval()(torch.zeros((2, *image_shape)))
    network.train(training)


def _function(file: Path, source: bytes, function: str) -> Callable[..., object]:
    module = _loaded(file, source)
    factory = getattr(module, function, None)
    if callable(factory):
        return factory  # type: ignore[no-any-return]
    here = sorted(
        name
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    )
    raise UsageError(
        "--model",
        f"{file.name} has no function {function!r}: it defines {', '.join(here) or 'none'}",
    )


def _loaded(file: Path, source: bytes) -> ModuleType:
    """Run the source as a module, the file's folder on the path as `python FILE` would have it."""
    # Not the plain stem: the user's `data.py` must not take the place of our `data`.
    name = f"onnxproof_user_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look modules up by name
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # at the end, for the same reason
    with told_as(file.name):
        exec(compile(source, str(file), "exec"), vars(module))
    return module
