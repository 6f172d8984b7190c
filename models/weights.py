"""Our own weights files: into a network, refusing what does not fit exactly, and out of one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from errors import ArtifactError


def load_weights(path: Path, network: nn.Module) -> None:
    """Load a safetensors file into a network that must have exactly its names, shapes and dtypes.

    Raises:
        ArtifactError: the file is damaged, or belongs to another network.
    """
    try:
        weights = load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ArtifactError(str(path), f"cannot be read: {error}") from error
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        want, found = (_describe(tensors.get(name)) for tensors in (wanted, weights))
        if want != found:
            raise ArtifactError(str(path), f"tensor {name}: wanted {want}, found {found}")
    network.load_state_dict(weights)


def copied_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the weights and buffers, contiguous and on the CPU."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in network.state_dict().items()
    }


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a safetensors file of these weights, in place.

    Raises:
        OSError: the disk is full.
    """
    try:
        save_file(dict(weights), path)
    except safetensors.SafetensorError as error:
        if found := re.search(r"\(os error (\d+)\)", str(error)):  # as Rust tells them
            number = int(found[1])
            raise OSError(number, os.strerror(number)) from error
        raise


def _describe(tensor: Tensor | None) -> str:
    if tensor is None:
        return "none"
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
