"""Weights that somebody else saved, brought into one of our networks.

A file of safetensors, or of `torch.save`, which is read with `weights_only=True`: nothing in it
is run. A state dict may lie under one of the usual keys (`state_dict`, `model`), and its names may
have the prefix that a wrapper gave them (`module.` of DistributedDataParallel, `_orig_mod.` of
torch.compile, `network.` of our own checkpoints).
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from errors import ArtifactError
from models.libraries import AUXILIARY
from models.meta import built_without_numbers
from models.names import NetworkName

_NESTED = ("state_dict", "model_state_dict", "model", "net", "weights")
OWN_PREFIX, NORMALIZATION = "network.", ("mean", "std")  # of `models.classifier`
_PREFIXES = ("module.", "_orig_mod.", OWN_PREFIX)
# Widening to float32 changes no value.
_WIDENED = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignWeights:
    """What a file holds: tensors by name."""

    path: Path
    tensors: Mapping[str, Tensor]


def read_weights(path: Path) -> ForeignWeights:
    """Return the weights in the file.

    Raises:
        ArtifactError: it is missing or damaged, or holds other things than tensors.
    """
    if not path.is_file():
        raise ArtifactError(str(path), "not a file" if path.exists() else "no such file")
    tensors = _tensors(path, _content(path))
    if not tensors:
        raise ArtifactError(str(path), "holds no weights")
    if _are_ours(tensors):
        tensors = {key: value for key, value in tensors.items() if key not in NORMALIZATION}
    return ForeignWeights(path=path, tensors=tensors)


def normalization_in(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and standard deviation, in 0..255, where the file is one of our own checkpoints.

    Raises:
        ArtifactError: it is damaged.
    """
    if path.suffix != ".safetensors":
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            if not _are_ours(file.keys()):
                return None
            mean, std = (file.get_tensor(name).flatten().tolist() for name in NORMALIZATION)
    except (OSError, safetensors.SafetensorError) as error:
        raise ArtifactError(str(path), f"cannot be read: {_first_line(error)}") from error
    return tuple(mean), tuple(std)


def load_foreign(
    weights: ForeignWeights, network: nn.Module, *, may_differ: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Load the weights into a network; return the names of those that keep their initial values.

    Args:
        weights: what the file holds.
        network: to load them into; not our wrapper with the normalization.
        may_differ: names whose shapes follow from the number of classes: where a tensor is missing
            or of another shape, the network's own stays.

    Raises:
        ArtifactError: a name, shape or dtype is not the network's.
    """
    wanted = network.state_dict()
    found = _by_own_names(weights.tensors, wanted.keys())
    found = {key: value for key, value in found.items() if not key.startswith(AUXILIARY)}
    kept = []
    for name in sorted(wanted.keys() | found.keys()):
        want, have = wanted.get(name), found.get(name)
        if want is not None and have is not None and want.shape == have.shape:
            found[name] = _as_dtype(weights.path, name, have, want.dtype)
        elif name in may_differ:
            found[name] = wanted[name]
            kept.append(name)
        elif have is None and name.endswith("num_batches_tracked"):  # older than torch 0.4.1
            found[name] = wanted[name]
        else:
            raise ArtifactError(
                str(weights.path),
                f"tensor {name}: wanted {_described(want)}, found {_described(have)}",
                hint="is it of this network? --model names it",
            )
    network.load_state_dict(found)
    return tuple(kept)


def head_names(name: NetworkName, in_channels: int, image_size: tuple[int, int]) -> frozenset[str]:
    """Return the names of the tensors whose shapes follow from the number of classes.

    Found by making the network twice, for two and for three classes, without any numbers in it.
    """
    two, three = (_shapes(name, classes, in_channels, image_size) for classes in (2, 3))
    return frozenset(key for key in two if two[key] != three.get(key))


def class_count(
    weights: ForeignWeights, name: NetworkName, in_channels: int, image_size: tuple[int, int]
) -> int:
    """Return how many classes the weights are for.

    Raises:
        ArtifactError: they do not say it: no tensor of the head is among them.
    """
    two, three = (_shapes(name, classes, in_channels, image_size) for classes in (2, 3))
    tensors = _by_own_names(weights.tensors, two.keys())
    for key in sorted(two):
        found = tensors.get(key)
        if found is None or found.dim() != len(two[key]):
            continue
        for axis, (of_two, of_three) in enumerate(zip(two[key], three[key], strict=True)):
            if (of_two, of_three) == (2, 3):
                return int(found.shape[axis])
    raise ArtifactError(
        str(weights.path),
        f"has no tensor of {name.name}'s last layer, so not the number of classes",
        hint="is it of this network? --model names it",
    )


def _shapes(
    name: NetworkName, num_classes: int, in_channels: int, image_size: tuple[int, int]
) -> dict[str, tuple[int, ...]]:
    network = built_without_numbers(
        name.name,
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        file=name.file,
        file_sha256=name.file_sha256,
    ).network
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _content(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, safetensors.SafetensorError) as error:
        raise ArtifactError(str(path), f"cannot be read: {_first_line(error)}") from error
    except MemoryError:
        raise
    except Exception as error:  # torch's reader lets through whatever a damaged file leads to
        # Its own message says how to run what is in the file: not told.
        raise ArtifactError(
            str(path),
            "is damaged, or holds more than tensors; what would run code is not loaded",
            hint="save the state dict: torch.save(model.state_dict(), FILE), or safetensors",
        ) from error


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise ArtifactError(str(path), f"wanted a state dict, found {type(content).__name__}")
    for key in _NESTED:
        if isinstance(content.get(key), Mapping):
            return _tensors(path, content[key])
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise ArtifactError(
                str(path), f"wanted tensors by name, found {key!r}: {type(value).__name__}"
            )
        if value.layout != torch.strided:
            raise ArtifactError(str(path), f"tensor {key}: wanted a dense one")
    return dict(content)


def _by_own_names(tensors: Mapping[str, Tensor], wanted: Set[str]) -> dict[str, Tensor]:
    """Return the tensors without the prefixes of wrappers, unless the network itself has them."""
    named = dict(tensors)
    while not named.keys() & wanted:
        prefix = next((p for p in _PREFIXES if all(key.startswith(p) for key in named)), None)
        if prefix is None:
            return dict(tensors)
        named = {key.removeprefix(prefix): value for key, value in named.items()}
    return named


def _are_ours(names: Iterable[str]) -> bool:
    found = set(names)
    own = {name for name in found if name.startswith(OWN_PREFIX)}
    return bool(own) and found == own | set(NORMALIZATION)


def _as_dtype(path: Path, name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.dtype == dtype:
        return tensor
    if dtype == torch.float32 and tensor.dtype in _WIDENED:
        return tensor.to(dtype)
    wanted, found = (str(d).removeprefix("torch.") for d in (dtype, tensor.dtype))
    raise ArtifactError(str(path), f"tensor {name}: wanted {wanted}, found {found}")


def _described(tensor: Tensor | None) -> str:
    return "none" if tensor is None else str(list(tensor.shape))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
