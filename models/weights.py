"""Weights from a file into a network, refusing everything that does not fit exactly."""

from pathlib import Path

import safetensors
from safetensors.torch import load_file
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


def _describe(tensor: Tensor | None) -> str:
    if tensor is None:
        return "none"
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
