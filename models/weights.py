"""Our own weights files: into a network, refusing what does not fit exactly, and out of one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from errors import ArtifactError
from models.tensors import mismatch, take_tensors
from untrusted.files import require_file
from untrusted.memory import require_memory


def load_weights(path: Path, network: nn.Module) -> None:
    """Load a safetensors file into a network that must have exactly its names, shapes and dtypes.

    Raises:
        ArtifactError: the file is damaged, belongs to another network, or holds a number that is
            not finite.
        UnfinishedError: it takes more memory than there is.
    """
    weights = read_safetensors(path)
    if problem := mismatch(network.state_dict(), weights):
        raise ArtifactError(str(path), problem)
    take_tensors(network, weights)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a file; the library itself holds each against the size of the file.

    Raises:
        ArtifactError: it is missing, no regular file, or damaged.
        UnfinishedError: it takes more memory than there is.
    """
    require_memory(str(path), require_file(path))
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except MemoryError:
        raise
    except Exception as error:  # also KeyError, of a dtype that torch does not have
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(str(path), f"cannot be read: {reason}") from error
    return tensors


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
